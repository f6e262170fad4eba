"""Where a model is, and what is said when it is not there."""

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mnemo.inference.catalogue import CATALOGUE, ModelBroken, ModelMissing, locate


class LocateTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.models = Path(self.mktemp()).absolute()
        self.models.mkdir()

    def file(self, name: str) -> Path:
        path = self.models / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
        return path

    def test_a_name_is_a_file_in_the_models_folder(self) -> None:
        path = self.file("all-MiniLM-L6-v2.gguf")
        self.assertEqual(locate(self.models, "all-MiniLM-L6-v2"), path)
        path = self.file("my-model.v2.gguf")
        self.assertEqual(locate(self.models, "my-model.v2"), path)

    def test_a_path_is_that_file(self) -> None:
        path = self.file("elsewhere/mine.gguf")
        self.assertEqual(locate(Path("/nowhere"), str(path)), path)

    def test_a_model_directory_is_what_was_made_of_it(self) -> None:
        directory = self.models / "checkouts" / "bge-small"
        directory.mkdir(parents=True)
        with self.assertRaises(ModelMissing) as caught:
            locate(self.models, str(directory))
        self.assertIn(f"fetch it: mnemo model fetch {directory}", str(caught.exception))
        made = self.file("bge-small.gguf")
        self.assertEqual(locate(self.models, str(directory)), made)

    def test_a_known_model_that_is_missing_names_the_command_that_brings_it(self) -> None:
        with self.assertRaises(ModelMissing) as caught:
            locate(self.models, "all-MiniLM-L6-v2")
        wanted = self.models / "all-MiniLM-L6-v2.gguf"
        self.assertEqual(caught.exception.path, wanted)
        self.assertEqual(
            str(caught.exception),
            f"there is no embedding model at {wanted}; fetch it: mnemo model fetch",
        )

    def test_an_unknown_one_says_what_to_do(self) -> None:
        for name in ("mine", "/models/mine.gguf"):
            with self.assertRaises(ModelMissing) as caught:
                locate(self.models, name)
            self.assertIn(
                "or drop inference.model and run: mnemo model fetch", str(caught.exception)
            )

    def test_a_broken_model_says_what_is_wrong_and_what_mends_it(self) -> None:
        broken = ModelBroken(Path("/models/all-MiniLM-L6-v2.gguf"), "is damaged")
        self.assertEqual(
            str(broken),
            "/models/all-MiniLM-L6-v2.gguf is damaged; fetch it: mnemo model fetch",
        )
        self.assertEqual((broken.path.name, broken.reason), ("all-MiniLM-L6-v2.gguf", "is damaged"))

    def test_a_language_model_has_remedies_of_its_own(self) -> None:
        with self.assertRaises(ModelMissing) as caught:
            locate(self.models, "Qwen3-0.6B", "language")
        self.assertEqual(
            str(caught.exception),
            f"there is no language model at {self.models / 'Qwen3-0.6B.gguf'}; "
            "fetch it: mnemo model fetch Qwen3-0.6B",
        )
        for name in ("mine", "all-MiniLM-L6-v2"):
            with self.assertRaises(ModelMissing) as caught:
                locate(self.models, name, "language")
            self.assertIn("mnemo model use NAME takes one", str(caught.exception))


class CatalogueTests(SynchronousTestCase):
    def test_each_is_whole(self) -> None:
        for name, model in CATALOGUE.items():
            self.assertEqual(model.name, name)
            self.assertRegex(model.sha256, "^[0-9a-f]{64}$")
            self.assertGreater(model.size, 10_000_000)
            self.assertEqual(bool(model.package) + bool(model.url), 1)
            if model.url:
                # An address that always means the same file.
                self.assertRegex(
                    model.url, r"^https://huggingface\.co/\S+/resolve/[0-9a-f]{40}/\S+"
                )
