"""Where the layers of a language model go."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mnemo.inference.catalogue import ModelBroken
from mnemo.inference.gguf_header import Header
from mnemo.inference.library import CPU, Device, Memory
from mnemo.inference.placement import WORKSPACE, layers_to_try, place

GB = 1024**3
PATH = Path("/models/writer.gguf")
HEADER = Header(
    {
        "general.architecture": "llama",
        "llama.block_count": 24,
        "llama.embedding_length": 1024,
        "llama.attention.head_count": 16,
        "llama.attention.head_count_kv": 4,
    },
    2 * GB,
)
GPU = Device("NVIDIA One", 11)


class LayersTests(SynchronousTestCase):
    def test_all_go_to_the_gpu_where_they_fit(self) -> None:
        self.assertEqual(layers_to_try("auto", 24, 2 * GB, 4 * GB)[0], 25)

    def test_else_as_many_as_fit_and_fewer_if_that_fails(self) -> None:
        self.assertEqual(layers_to_try("auto", 24, 2 * GB, GB + WORKSPACE), [12, 6, 3, 1, 0])

    def test_none_where_there_is_no_room(self) -> None:
        self.assertEqual(layers_to_try("auto", 24, 2 * GB, 1), [0])

    def test_a_number_is_the_one_thing_tried(self) -> None:
        self.assertEqual(layers_to_try(7, 24, 2 * GB, 1), [7])

    @given(st.integers(0, 200), st.integers(1, 10**12), st.integers(0, 10**12))
    def test_each_try_is_for_less_and_the_last_for_none(
        self, blocks: int, needed: int, free: int
    ) -> None:
        tries = layers_to_try("auto", blocks, needed, free)
        self.assertEqual(tries, sorted(set(tries), reverse=True))
        self.assertEqual(tries[-1], 0)
        self.assertLessEqual(tries[0], blocks + 1)


class PlaceTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.tried: list[int] = []
        self.most = 99

    def load(self, layers: int) -> str:
        self.tried.append(layers)
        if layers > self.most:
            raise ModelBroken(PATH, "cannot be loaded: out of memory", "language")
        return f"with {layers}"

    def place(
        self, device: Device, free: int | None, wanted: int | str = "auto", tokens: int = 1024
    ) -> str:
        memory = None if free is None else Memory(free, free)
        return place(PATH, HEADER, device, memory, wanted, tokens, self.load)

    def refused(self, device: Device, free: int | None, wanted: int | str = "auto") -> str:
        with self.assertRaises(ModelBroken) as caught:
            self.place(device, free, wanted)
        self.assertNotIn("\n", str(caught.exception))
        return str(caught.exception.reason)

    def test_on_the_cpu_it_must_fit_the_memory(self) -> None:
        self.assertEqual(self.place(CPU, 3 * GB), "with 0")
        self.assertIn("needs 2.4 GB of memory, and 1.1 GB are free", self.refused(CPU, GB))
        self.assertEqual(self.tried, [0])

    def test_memory_that_is_not_known_refuses_nothing(self) -> None:
        self.assertEqual(self.place(CPU, None), "with 0")
        self.assertEqual(self.place(GPU, None), "with 25")

    def test_the_cache_counts(self) -> None:
        self.assertEqual(HEADER.cache_bytes(1), 24 * 4 * 128 * 2)
        self.refused_with_long_cache = self.place(CPU, 3 * GB, tokens=1024)
        with self.assertRaises(ModelBroken):
            self.place(CPU, 3 * GB, tokens=1024 * 100)

    def test_where_the_gpu_is_full_after_all_fewer_are_tried(self) -> None:
        self.most = 6
        self.assertEqual(self.place(GPU, 8 * GB), "with 6")
        self.assertEqual(self.tried, [25, 12, 6])

    def test_a_number_that_does_not_fit_is_refused(self) -> None:
        self.most = 6
        reason = self.refused(GPU, 8 * GB, 20)
        self.assertIn("does not fit the GPU with inference.gpu_layers = 20", reason)
        self.assertIn("cannot be loaded: out of memory", reason)
        self.assertIn('set fewer, or "auto"', reason)

    def test_what_fails_everywhere_says_why(self) -> None:
        self.most = -1
        self.assertEqual(self.refused(GPU, 8 * GB), "cannot be loaded: out of memory")
