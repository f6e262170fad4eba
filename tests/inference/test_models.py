"""What is in the models folder, and how models come in and go out by a link."""

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mnemo.inference.catalogue import CATALOGUE, DEFAULT, FetchError, ModelBroken
from mnemo.inference.checksums import digest, noted
from mnemo.inference.convert import convert
from mnemo.inference.fetch import fetch
from mnemo.inference.models import Model, add, known, remove
from mnemo.inference.trial import check
from tests.inference import tiny


class ModelsCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        self.models = self.folder / "models"
        self.writer = tiny.write_llama(self.folder / "writer.gguf")

    def embedder(self) -> Path:
        path = self.folder / "embedder.gguf"
        convert(tiny.write_bert_directory(self.folder / "embedder"), path)
        return path

    def names(self) -> set[str]:
        return {there.name for there in self.models.iterdir()}


class KnownTests(ModelsCase):
    def test_without_any_there_is_the_catalogue(self) -> None:
        found = known(self.models)
        self.assertEqual([model.name for model in found], list(CATALOGUE))
        self.assertFalse(any(model.present for model in found))
        self.assertEqual(
            found[0],
            Model(DEFAULT.name, "embedding", DEFAULT.size, "Apache-2.0", DEFAULT.sha256, False),
        )

    def test_each_says_what_it_is_for(self) -> None:
        add(self.models, self.writer)
        add(self.models, self.embedder())
        first, second = known(self.models)[:2]
        self.assertEqual(
            (first.name, first.purpose, first.present), ("embedder", "embedding", True)
        )
        self.assertEqual((second.name, second.purpose), ("writer", "language"))
        self.assertEqual((second.size, second.sha256), (81_600, digest(self.writer)))
        self.assertEqual(second.link, self.writer)

    def test_one_that_is_there_is_not_told_twice(self) -> None:
        add(self.models, self.writer, "Qwen3-0.6B")
        found = [model for model in known(self.models) if model.name == "Qwen3-0.6B"]
        self.assertEqual([model.present for model in found], [True])

    def test_what_is_none_says_so(self) -> None:
        self.models.mkdir()
        (self.models / "bad.gguf").write_bytes(b"GGUF")
        found = known(self.models)[0]
        self.assertEqual((found.present, found.purpose), (False, None))
        self.assertEqual(found.problem, "is damaged: its header does not make sense")
        (self.models / "bad.gguf").unlink()
        (self.models / "gone.gguf").symlink_to(self.folder / "nowhere")
        self.assertEqual(known(self.models)[0].problem, "cannot be read: No such file or directory")


class AddTests(ModelsCase):
    def test_the_file_stays_where_it_is(self) -> None:
        link = add(self.models, self.writer)
        self.assertEqual(link.readlink(), self.writer)
        self.assertEqual(self.names(), {"writer.gguf", "writer.gguf.sha256"})
        self.assertEqual(noted(link), digest(self.writer))
        check(link, "language")

    def test_a_change_of_the_file_afterwards_is_damage(self) -> None:
        link = add(self.models, self.writer)
        content = bytearray(self.writer.read_bytes())
        content[-1] ^= 1
        self.writer.write_bytes(content)
        with self.assertRaisesRegex(ModelBroken, "is damaged"):
            check(link, "language")

    def test_it_can_have_another_name(self) -> None:
        self.assertEqual(add(self.models, self.writer, "mine").name, "mine.gguf")

    def test_what_cannot_be_used_is_refused(self) -> None:
        cases = {
            self.folder / "absent.gguf": "cannot be read: No such file",
            self.folder: "cannot be read: Is a directory",
        }
        broken = self.folder / "broken.gguf"
        broken.write_bytes(self.writer.read_bytes()[:-1000])
        cases[broken] = "cannot be loaded: "
        for source, reason in cases.items():
            with self.assertRaisesRegex(FetchError, reason):
                add(self.models, source)
        self.assertFalse(self.models.exists() and self.names())

    def test_a_name_that_is_taken_or_none_is_refused(self) -> None:
        add(self.models, self.writer)
        for name, reason in {
            "": "there is a model writer already",
            "a/b": "'a/b' is no name of a model",
            ".hidden": "'.hidden' is no name of a model",
        }.items():
            with self.assertRaisesRegex(FetchError, reason):
                add(self.models, self.writer, name)
        with self.assertRaisesRegex(FetchError, "in the models folder already"):
            add(self.folder, self.writer)


class RemoveTests(ModelsCase):
    def test_of_one_that_was_added_the_file_stays(self) -> None:
        add(self.models, self.writer)
        self.assertEqual(remove(self.models, "writer"), self.writer)
        self.assertEqual(self.names(), set())
        self.assertTrue(self.writer.exists())

    def test_one_that_was_fetched_goes_with_its_note_and_its_beginnings(self) -> None:
        fetch(self.models, str(self.writer), lambda line: None)
        (self.models / "writer.gguf.part").touch()
        self.assertIsNone(remove(self.models, "writer"))
        self.assertEqual(self.names(), set())

    def test_a_link_to_nowhere_can_be_removed(self) -> None:
        add(self.models, self.writer)
        self.writer.unlink()
        remove(self.models, "writer")
        self.assertEqual(self.names(), set())

    def test_one_that_is_not_there_is_told(self) -> None:
        self.models.mkdir()
        with self.assertRaisesRegex(FetchError, "there is no model writer in "):
            remove(self.models, "writer")

    def test_nothing_outside_the_folder_is_removed(self) -> None:
        self.models.mkdir()
        for name in ("../writer", str(self.writer.with_suffix("")), "", ".."):
            with self.assertRaisesRegex(FetchError, "is no name of a model"):
                remove(self.models, name)
        self.assertTrue(self.writer.exists())
