"""Texts of many kinds, on which two tokenizers must agree."""

from __future__ import annotations

import base64
import random
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]

WRITTEN = {
    "javascript": "const f = async (x) => { await g(`${x}\\n`); return x?.y ?? 0; };\n\n// ok\n" * 9,
    "rust": "impl<'a, T: Ord + ?Sized> Foo<'a, T> {\n    fn bar(&self) -> Option<&'a T> { self.0.as_ref()? }\n}\n" * 7,
    "c": '#include <stdio.h>\n#define X(a) ((a)<<2)\nint main(void){\tprintf("%d\\n", X(0x1F));\treturn 0;}\r\n' * 5,
    "go": "package main\n\nfunc (s *S) Do() error {\n\tif err := s.x(); err != nil {\n\t\treturn err\n\t}\n}\n",
    "sql": "SELECT a.id, COUNT(*) FROM t AS a LEFT JOIN u USING (id) WHERE a.x IS NOT NULL GROUP BY 1;\n" * 4,
    "html": "<!doctype html><div class='a b'><p>x &amp; y</p><br/></div><think>no</think>\n" * 6,
    "yaml": "a:\n  - b: [1, 2.50, ~]\n    c: |\n      text\n\n\n  - &x {y: 'z'}\n" * 4,
    "markdown": "# Title\n\n* a **b** `c`\n    1. d\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```py\nx\n```\n" * 4,
    "chinese": "你好，世界。今天我们讨论如何用模型处理长文本的问题。\n  第二段：１２３４５。" * 20,
    "japanese": "吾輩は猫である。名前はまだ無い。カタカナ・ひらがな、ー々〆。\n" * 20,
    "korean": "안녕하세요 세계. 긴 문맥을 다루는 방법.\n" * 20,
    "arabic": "مرحبا بالعالم، ١٢٣ كيف الحال؟\n" * 10,
    "hindi": "नमस्ते दुनिया, कैसे हैं आप? १२३\n" * 10,
    "emoji": "🤷🏽‍♀️👨‍👩‍👧‍👦🇩🇪1️⃣ ok 🎉🎉🎉\n" * 20,
    "accents": "e\u0301a\u0308 caf\u00e9 na\u00efve \ufb01 \u1e9e \u0130\u0131 \u200b\u200d\ufeff" * 20,
    "blanks": " \t \n\n\r\n   \n" * 50 + " " * 3000 + "\n" * 3000 + "\t" * 500 + "\u00a0\u3000 " * 50,
    "template": "<｜User｜>hi<｜Assistant｜><think></think><｜end▁of▁sentence｜>｜DSML｜<|EOT|><dsml:x></dsml:x>" * 3,
    "digits": "0123456789" * 500 + " 1,234,567.89 0x1F 1e-9 ١٢٣ Ⅷ ½",
    "long line": "word " * 20_000,
    "one word": "a" * 20_000,
    "marks": "=-=-=->>><<<!!!???...___***###" * 200 + "\n" + "-" * 5000,
    "minified": "!function(e,t){var n=e[t]||{},r=0;for(;r<9;)n[r++]=function(){return t&&e}}(window,'a');" * 300,
    "controls": "".join(map(chr, range(1, 160))) * 5,
    "empty": "",
}


def corpus() -> Iterator[tuple[str, str]]:
    """Each text with a name."""
    yield from WRITTEN.items()
    source = random.Random(6)
    for number in range(6):
        yield f"base64 {number}", base64.b64encode(source.randbytes(9_000)).decode()
        yield f"hex {number}", source.randbytes(5_000).hex()
        characters = [
            chr(source.choice((source.randrange(32, 127), source.randrange(160, 0xD800)))) for _ in range(3_000)
        ]
        yield f"any characters {number}", "".join(characters)
        yield f"astral {number}", "".join(chr(source.randrange(0x10000, 0x1FFFF)) for _ in range(1_000))
    for kind in ("dsterm/**/*.py", "tests/**/*.py", "*.md", "docs/*.md", "*.toml", "themes/*", "dsterm/**/*.tcss"):
        for file in sorted(PROJECT.glob(kind)):
            if file.is_file():
                yield str(file.relative_to(PROJECT)), file.read_text(encoding="utf-8", errors="replace")
