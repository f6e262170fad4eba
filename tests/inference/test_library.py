"""Which device a model runs on, and how much memory that has."""

import os
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mnemo.inference import library
from mnemo.inference.library import CPU, Device, Memory, NoSuchGpu, choose_device, memory_of


class ChooseDeviceTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.gpus = [Device("NVIDIA One", 11), Device("NVIDIA Two", 22)]
        self.patch(library, "_gpus", lambda llama: self.gpus)

    def test_auto_is_the_first_gpu_or_else_the_cpu(self) -> None:
        self.assertEqual(choose_device(None, "auto"), self.gpus[0])
        self.gpus = []
        self.assertEqual(choose_device(None, "auto"), CPU)

    def test_off_is_the_cpu(self) -> None:
        self.assertEqual(choose_device(None, "off"), CPU)

    def test_a_number_is_that_gpu(self) -> None:
        self.assertEqual(choose_device(None, 0), self.gpus[0])
        self.assertEqual(choose_device(None, 1), self.gpus[1])

    def test_a_gpu_that_is_not_there_is_never_replaced_in_silence(self) -> None:
        with self.assertRaises(NoSuchGpu) as caught:
            choose_device(None, 2)
        self.assertEqual(
            str(caught.exception),
            "inference.gpu is 2, but llama.cpp sees 2 GPUs, counted from 0; "
            'set it to "auto" or "off", or build llama-cpp-python for this GPU',
        )

    def test_a_uuid_is_the_one_gpu_that_is_left(self) -> None:
        self.gpus = self.gpus[:1]
        self.assertEqual(choose_device(None, "GPU-5d0f3c1e"), self.gpus[0])
        for gpus in ([], [Device("NVIDIA One", 11), Device("NVIDIA Two", 22)]):
            self.gpus = gpus
            with self.assertRaisesRegex(NoSuchGpu, "inference.gpu is GPU-5d0f3c1e, but"):
                choose_device(None, "GPU-5d0f3c1e")

    def test_a_uuid_hides_the_other_gpus_before_the_library_is_loaded(self) -> None:
        script = (
            "import os, sys; from mnemo.inference.library import library;"
            "assert 'llama_cpp' not in sys.modules;"
            "library('GPU-5d0f3c1e'); print(os.environ['CUDA_VISIBLE_DEVICES'])"
        )
        path = os.pathsep.join(filter(None, sys.path))
        found = subprocess.run(
            [sys.executable, "-c", script],
            capture_output=True,
            env=os.environ | {"PYTHONPATH": path},
            check=True,
        )
        self.assertEqual(found.stdout, b"GPU-5d0f3c1e\n")


class MemoryTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.patch(library, "_GROUP", self.folder)
        self.patch(library, "_MEMORY", self.folder / "meminfo")
        rows = "MemTotal:  8000 kB\nMemFree:  100 kB\nMemAvailable:  4000 kB\n"
        (self.folder / "meminfo").write_text(rows)

    def limit(self, most: str) -> None:
        (self.folder / "memory.max").write_text(f"{most}\n")
        (self.folder / "memory.current").write_text(f"{1500 * 1024}\n")
        (self.folder / "memory.stat").write_text(f"anon 1\ninactive_file {500 * 1024}\n")

    def test_of_a_machine_it_is_what_a_program_could_have(self) -> None:
        self.assertEqual(memory_of(None, CPU), Memory(4000 * 1024, 8000 * 1024))

    def test_a_control_group_has_less(self) -> None:
        self.limit(str(2000 * 1024))
        self.assertEqual(memory_of(None, CPU), Memory(1000 * 1024, 2000 * 1024))
        self.limit("max")
        self.assertEqual(memory_of(None, CPU), Memory(4000 * 1024, 8000 * 1024))

    def test_where_nobody_says_it_is_not_known(self) -> None:
        (self.folder / "meminfo").unlink()
        self.assertIsNone(memory_of(None, CPU))


class RealLibraryTests(SynchronousTestCase):
    def test_the_gpus_of_this_machine_can_be_counted(self) -> None:
        llama = library.library().llama
        gpus = library._gpus(llama)
        self.assertEqual(bool(gpus), llama.llama_supports_gpu_offload())

    def test_the_memory_of_every_device_can_be_asked(self) -> None:
        llama = library.library().llama
        for device in [CPU, *library._gpus(llama)]:
            memory = memory_of(llama, device)
            assert memory is not None
            self.assertTrue(0 < memory.free <= memory.total)
