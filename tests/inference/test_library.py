"""Which device a model runs on."""

from twisted.trial.unittest import SynchronousTestCase

from mnemo.inference import library
from mnemo.inference.library import CPU, Device, NoSuchGpu, choose_device


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


class RealLibraryTests(SynchronousTestCase):
    def test_the_gpus_of_this_machine_can_be_counted(self) -> None:
        llama = library.library().llama
        gpus = library._gpus(llama)
        self.assertEqual(bool(gpus), llama.llama_supports_gpu_offload())
