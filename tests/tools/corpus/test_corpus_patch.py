# ruff: noqa: E501
from __future__ import annotations

import stat

import pytest

from dsterm.core.errors import ToolError

FIVE = "a\nb\nc\nd\ne\n"
TWICE = "def f():\n    x = 1\n    return x\n\n\ndef g():\n    x = 1\n    return x\n"
NESTED = "class A:\n    def run(self):\n        go()\n\nclass B:\n    def run(self):\n        go()\n"
BRACES = "int f()\n{\n    go();\n}\n\nint g()\n{\n    go();\n}\n"
UNIFIED = "--- a/f\n+++ b/f\n"
CHANGE_C = " b\n-c\n+C\n d\n"
FIVE_DONE = "a\nb\nC\nd\ne\n"
NO_END = "\\ No newline at end of file\n"


def begin(body: str) -> str:
    return f"*** Begin Patch\n{body}*** End Patch\n"


def update(body: str) -> str:
    return begin(f"*** Update File: f\n{body}")


# (name, files before, patch, files that are different afterwards (None: gone), words in the answer).
LANDS = [
    # Unified diffs, well written and as models write them.
    ("unified", {"f": FIVE}, UNIFIED + "@@ -2,3 +2,3 @@\n" + CHANGE_C, {"f": FIVE_DONE}, "edited f: +1 −1"),
    ("git", {"f": FIVE}, "diff --git a/f b/f\nindex 1..2 100644\n" + UNIFIED + "@@ -2,3 +2,3 @@ def x\n" + CHANGE_C, {"f": FIVE_DONE}, ""),
    ("no prefix", {"f": FIVE}, "--- f\n+++ f\n@@ -2,3 +2,3 @@\n" + CHANGE_C, {"f": FIVE_DONE}, ""),
    ("other prefixes", {"f": FIVE}, "--- i/f\n+++ w/f\n@@ -2,3 +2,3 @@\n" + CHANGE_C, {"f": FIVE_DONE}, ""),
    ("the same prefix twice", {"f": FIVE}, "--- a/f\n+++ a/f\n@@ -2,3 +2,3 @@\n" + CHANGE_C, {"f": FIVE_DONE}, ""),
    ("a folder that is called a", {"a/f": FIVE}, "--- a/f\n+++ a/f\n@@ -2,3 +2,3 @@\n" + CHANGE_C, {"a/f": FIVE_DONE}, ""),
    ("a prefix on one side", {"f": FIVE}, "--- f\n+++ b/f\n@@ -2,3 +2,3 @@\n" + CHANGE_C, {"f": FIVE_DONE}, ""),
    ("an .orig file", {"f": FIVE}, "--- f.orig\n+++ f\n@@ -2,3 +2,3 @@\n" + CHANGE_C, {"f": FIVE_DONE}, ""),
    ("old and new folders", {"f": FIVE}, "--- f\n+++ new/f\n@@ -2,3 +2,3 @@\n" + CHANGE_C, {"f": FIVE_DONE}, ""),
    ("time stamps", {"f": FIVE}, "--- a/f\t2026-01-01 10:00:00.0 +0100\n+++ b/f\t2026-01-01\n@@ -2,3 +2,3 @@\n" + CHANGE_C, {"f": FIVE_DONE}, ""),
    ("time stamps after spaces", {"f": FIVE}, "--- f 2026-01-01 10:00:00\n+++ f 2026-01-01 10:00:01\n@@ -2,3 +2,3 @@\n" + CHANGE_C, {"f": FIVE_DONE}, ""),
    ("svn", {"f": FIVE}, "Index: f\n=====\n--- f\t(revision 1)\n+++ f\t(working copy)\n@@ -2,3 +2,3 @@\n" + CHANGE_C, {"f": FIVE_DONE}, ""),
    ("wrong line numbers", {"f": FIVE}, UNIFIED + "@@ -40,3 +90,3 @@\n" + CHANGE_C, {"f": FIVE_DONE}, ""),
    ("counts too high", {"f": FIVE}, UNIFIED + "@@ -2,9 +2,9 @@\n" + CHANGE_C, {"f": FIVE_DONE}, ""),
    ("counts too low", {"f": FIVE}, UNIFIED + "@@ -2,1 +2,1 @@\n" + CHANGE_C, {"f": FIVE_DONE}, ""),
    ("no counts", {"f": FIVE}, UNIFIED + "@@ -2 +2 @@\n" + CHANGE_C, {"f": FIVE_DONE}, ""),
    ("no numbers", {"f": FIVE}, UNIFIED + "@@ @@\n" + CHANGE_C, {"f": FIVE_DONE}, ""),
    ("bare signs", {"f": FIVE}, UNIFIED + "@@\n" + CHANGE_C, {"f": FIVE_DONE}, ""),
    ("dots for numbers", {"f": FIVE}, UNIFIED + "@@ ... @@\n" + CHANGE_C, {"f": FIVE_DONE}, ""),
    ("half of the numbers", {"f": FIVE}, UNIFIED + "@@ -2,3 @@\n" + CHANGE_C, {"f": FIVE_DONE}, ""),
    ("a mark before it", {"f": FIVE}, "\ufeff" + UNIFIED + "@@ -2,3 +2,3 @@\n" + CHANGE_C, {"f": FIVE_DONE}, ""),
    ("no final line end", {"f": FIVE}, UNIFIED + "@@ -2,3 +2,3 @@\n" + CHANGE_C[:-1], {"f": FIVE_DONE}, ""),
    ("blank lines at its end", {"f": FIVE}, UNIFIED + "@@ -2,3 +2,3 @@\n" + CHANGE_C + "\n\n", {"f": FIVE_DONE}, ""),
    ("a fence", {"f": FIVE}, "Here:\n```diff\n" + UNIFIED + "@@ -2,3 +2,3 @@\n" + CHANGE_C + "```\nDone.", {"f": FIVE_DONE}, ""),
    ("a fence of tildes", {"f": FIVE}, "~~~\n" + UNIFIED + "@@ -2,3 +2,3 @@\n" + CHANGE_C + "~~~\n", {"f": FIVE_DONE}, ""),
    ("a heredoc", {"f": FIVE}, "git apply <<'EOF'\n" + UNIFIED + "@@ -2,3 +2,3 @@\n" + CHANGE_C + "EOF\n", {"f": FIVE_DONE}, ""),
    ("a mail", {"f": FIVE}, "From 1 Mon\nSubject: x\n\n---\n f | 2 +-\n\ndiff --git a/f b/f\n" + UNIFIED + "@@ -2,3 +2,3 @@\n" + CHANGE_C + "-- \n2.39.5\n\n", {"f": FIVE_DONE}, ""),
    ("all of it indented", {"f": FIVE}, "".join(f"    {line}\n" for line in (UNIFIED + "@@ -2,3 +2,3 @@\n" + CHANGE_C).splitlines()), {"f": FIVE_DONE}, ""),
    ("all of it crlf", {"f": FIVE}, (UNIFIED + "@@ -2,3 +2,3 @@\n" + CHANGE_C).replace("\n", "\r\n"), {"f": FIVE_DONE}, ""),
    ("empty context lines without their space", {"f": "a\n\nb\n\nc\n"}, UNIFIED + "@@ -1,5 +1,5 @@\n a\n\n-b\n+B\n\n c\n", {"f": "a\n\nB\n\nc\n"}, ""),
    ("several hunks", {"f": FIVE}, UNIFIED + "@@ -1,2 +1,2 @@\n-a\n+A\n b\n@@ -4,2 +4,3 @@\n d\n-e\n+E\n+F\n", {"f": "A\nb\nc\nd\nE\nF\n"}, ""),
    ("hunks in the wrong order", {"f": FIVE}, UNIFIED + "@@ -4,2 +4,2 @@\n d\n-e\n+E\n@@ -1,2 +1,2 @@\n-a\n+A\n b\n", {"f": "A\nb\nc\nd\nE\n"}, ""),
    ("hunks that share context", {"f": FIVE}, UNIFIED + "@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n@@ -3,3 +3,3 @@\n c\n-d\n+D\n e\n", {"f": "a\nB\nc\nD\ne\n"}, ""),
    ("removed lines that look like a header", {"f": "-- x\n++ y\nz\n"}, UNIFIED + "@@ -1,3 +1,2 @@\n--- x\n-++ y\n+++ w\n z\n", {"f": "++ w\nz\n"}, ""),
    ("two files", {"f": FIVE, "g": "x\n"}, UNIFIED + "@@ -2,3 +2,3 @@\n" + CHANGE_C + "--- a/g\n+++ b/g\n@@ -1 +1 @@\n-x\n+y\n", {"f": FIVE_DONE, "g": "y\n"}, "edited g: +1 −1"),
    ("a new file", {}, "--- /dev/null\n+++ b/d/n\n@@ -0,0 +1,2 @@\n+x\n+y\n", {"d/n": "x\ny\n"}, "created d/n: +2"),
    ("a new file without an end", {}, "--- /dev/null\n+++ b/n\n@@ -0,0 +1 @@\n+x\n" + NO_END, {"n": "x"}, ""),
    ("a new empty file", {}, "diff --git a/n b/n\nnew file mode 100644\nindex 0..e\n", {"n": ""}, "created n: +0"),
    ("a deleted file", {"f": "x\ny\n"}, "--- a/f\n+++ /dev/null\n@@ -1,2 +0,0 @@\n-x\n-y\n", {"f": None}, "deleted f: −2"),
    ("a deleted empty file", {"f": ""}, "diff --git a/f b/f\ndeleted file mode 100644\nindex e..0\n", {"f": None}, "deleted f"),
    ("a rename", {"f": FIVE}, "diff --git a/f b/g\nsimilarity index 100%\nrename from f\nrename to g\n", {"f": None, "g": FIVE}, "renamed f to g: +0 −0"),
    ("a rename with a change", {"f": FIVE}, "diff --git a/f b/d/g\nsimilarity index 80%\nrename from f\nrename to d/g\n--- a/f\n+++ b/d/g\n@@ -2,3 +2,3 @@\n" + CHANGE_C, {"f": None, "d/g": FIVE_DONE}, "renamed f to d/g: +1 −1"),
    ("a copy", {"f": FIVE}, "diff --git a/f b/g\nsimilarity index 80%\ncopy from f\ncopy to g\n--- a/f\n+++ b/g\n@@ -2,3 +2,3 @@\n" + CHANGE_C, {"g": FIVE_DONE}, "copied f to g: +5"),
    ("quoted names", {'a"b': "x\n"}, '--- "a/a\\"b"\n+++ "b/a\\"b"\n@@ -1 +1 @@\n-x\n+y\n', {'a"b': "y\n"}, ""),
    ("names in octal", {"é": "x\n"}, 'diff --git "a/\\303\\251" "b/\\303\\251"\n--- "a/\\303\\251"\n+++ "b/\\303\\251"\n@@ -1 +1 @@\n-x\n+y\n', {"é": "y\n"}, ""),
    ("names with spaces", {"d e/f g": "x\n"}, "diff --git a/d e/f g b/d e/f g\n--- a/d e/f g\t\n+++ b/d e/f g\t\n@@ -1 +1 @@\n-x\n+y\n", {"d e/f g": "y\n"}, ""),
    ("the end is taken away", {"f": "a\nb\n"}, UNIFIED + "@@ -1,2 +1,2 @@\n a\n-b\n+b\n" + NO_END, {"f": "a\nb"}, "final newline removed"),
    ("an end is added", {"f": "a\nb"}, UNIFIED + "@@ -1,2 +1,2 @@\n a\n-b\n" + NO_END + "+b\n", {"f": "a\nb\n"}, "final newline added"),
    ("no end on both sides", {"f": "a\nb"}, UNIFIED + "@@ -1,2 +1,2 @@\n a\n-b\n" + NO_END + "+c\n" + NO_END, {"f": "a\nc"}, ""),
    ("no word of the missing end", {"f": "a\nb"}, UNIFIED + "@@ -1,2 +1,2 @@\n a\n-b\n+c\n", {"f": "a\nc"}, ""),
    ("its line tells which place", {"f": TWICE}, UNIFIED + "@@ -7,2 +7,2 @@\n     x = 1\n-    return x\n+    return 2\n", {"f": TWICE[:-9] + "return 2\n"}, ""),
    ("its line is near one place and far from the other", {"f": TWICE + "\n" * 40 + TWICE}, UNIFIED + "@@ -8,2 +8,2 @@\n def g():\n-    x = 1\n+    x = 2\n", {"f": TWICE.replace("g():\n    x = 1", "g():\n    x = 2") + "\n" * 40 + TWICE}, "landed at line 6"),
    # The other form.
    ("begin patch", {"f": FIVE}, update("@@\n" + CHANGE_C), {"f": FIVE_DONE}, "edited f: +1 −1"),
    ("without @@", {"f": FIVE}, update(CHANGE_C), {"f": FIVE_DONE}, ""),
    ("@@ on both sides", {"f": FIVE}, update("@@ a @@\n" + CHANGE_C), {"f": FIVE_DONE}, ""),
    ("an anchor", {"f": TWICE}, update("@@ def g():\n     x = 1\n-    return x\n+    return 2\n"), {"f": TWICE[:-9] + "return 2\n"}, ""),
    ("the beginning of an anchor", {"f": TWICE}, update("@@ def g\n     x = 1\n-    return x\n+    return 2\n"), {"f": TWICE[:-9] + "return 2\n"}, ""),
    ("an anchor that is context too", {"f": TWICE}, update("@@ def g():\n def g():\n-    x = 1\n+    x = 2\n"), {"f": TWICE.replace("g():\n    x = 1", "g():\n    x = 2")}, ""),
    ("nested anchors", {"f": NESTED}, update("@@ class B:\n@@     def run(self):\n-        go()\n+        stop()\n"), {"f": NESTED[:-5] + "stop()\n"}, ""),
    ("an anchor before braces", {"f": BRACES}, update("@@ int g()\n-    go();\n+    stop();\n"), {"f": BRACES[: BRACES.rindex("go")] + "stop();\n}\n"}, ""),
    ("lines after an anchor", {"f": TWICE}, update("@@ def g():\n+    y = 2\n"), {"f": TWICE.replace("def g():\n", "def g():\n    y = 2\n")}, ""),
    ("lines at the end", {"f": FIVE}, update("@@\n+z\n*** End of File\n"), {"f": FIVE + "z\n"}, ""),
    ("lines at the end that has no newline", {"f": "a"}, update("@@\n+z\n*** End of File\n"), {"f": "a\nz"}, ""),
    ("the end tells which place", {"f": "x\ny\nx\n"}, update("@@\n-x\n+z\n*** End of File\n"), {"f": "x\ny\nz\n"}, ""),
    ("lines into an empty file", {"f": ""}, update("@@\n+z\n"), {"f": "z\n"}, ""),
    ("numbers in the other form", {"f": TWICE}, update("@@ -7,2 +7,2 @@\n     x = 1\n-    return x\n+    return 2\n"), {"f": TWICE[:-9] + "return 2\n"}, ""),
    ("names in the other form", {"f": FIVE}, update("--- a/f\n+++ b/f\n@@ -2,3 +2,3 @@\n" + CHANGE_C), {"f": FIVE_DONE}, ""),
    ("no newline in the other form", {"f": "a\nb\n"}, update("@@\n a\n-b\n+c\n" + NO_END), {"f": "a\nc"}, ""),
    ("blank lines between parts", {"f": FIVE, "g": "x\n"}, begin("\n*** Update File: f\n@@\n" + CHANGE_C + "\n\n*** Delete File: g\n\n"), {"f": FIVE_DONE, "g": None}, ""),
    ("other letters in a marker", {"f": FIVE}, begin("*** update file: f\n@@\n" + CHANGE_C), {"f": FIVE_DONE}, ""),
    ("spaces after a marker", {"f": FIVE}, "*** Begin Patch  \n*** Update File:   f  \n@@  \n" + CHANGE_C + "*** End Patch  \n", {"f": FIVE_DONE}, ""),
    ("a heredoc around it", {"f": FIVE}, "apply_patch <<'PATCH'\n" + update("@@\n" + CHANGE_C) + "PATCH\n", {"f": FIVE_DONE}, ""),
    ("a fence around it", {"f": FIVE}, "```\n" + update("@@\n" + CHANGE_C) + "```\n", {"f": FIVE_DONE}, ""),
    ("the end marker as content", {"f": "*** End Patch\nb\n"}, update("@@\n *** End Patch\n-b\n+c\n"), {"f": "*** End Patch\nc\n"}, ""),
    ("an added file", {}, begin("*** Add File: n\n+x\n+\n+y\n"), {"n": "x\n\ny\n"}, "created n: +3"),
    ("an added empty file", {}, begin("*** Add File: n\n"), {"n": ""}, ""),
    ("an added file with plus signs", {}, begin("*** Add File: n\n++x\n+-y\n"), {"n": "+x\n-y\n"}, ""),
    ("a move", {"f": FIVE}, begin("*** Update File: f\n*** Move to: d/g\n@@\n" + CHANGE_C), {"f": None, "d/g": FIVE_DONE}, "renamed f to d/g: +1 −1"),
    ("a move without a change", {"f": FIVE}, begin("*** Update File: f\n*** Move to: g\n"), {"f": None, "g": FIVE}, "renamed f to g"),
    ("moved, then changed", {"f": FIVE}, begin("*** Update File: f\n*** Move to: g\n*** Update File: g\n" + CHANGE_C), {"f": None, "g": FIVE_DONE}, "renamed f to g: +1 −1"),
    ("deleted, then added anew", {"f": FIVE}, begin("*** Delete File: f\n*** Add File: f\n+x\n"), {"f": "x\n"}, "edited f: +1 −5"),
    ("two files change places", {"f": "1\n", "g": "2\n"}, begin("*** Update File: f\n*** Move to: h\n*** Update File: g\n*** Move to: f\n*** Update File: h\n*** Move to: g\n"), {"f": "2\n", "g": "1\n"}, ""),
    # What files keep, and what is forgiven.
    ("crlf", {"f": b"a\r\nb\r\nc\r\n"}, update("@@\n a\n-b\n+x\n+y\n c\n"), {"f": b"a\r\nx\r\ny\r\nc\r\n"}, ""),
    ("mixed line ends", {"f": b"a\nb\r\nc\n"}, update("@@\n a\n-b\n+x\n c\n"), {"f": b"a\nx\r\nc\n"}, ""),
    ("only the line end changes", {"f": b"a\r\nb\r\n"}, UNIFIED + "@@ -1,2 +1,2 @@\n-a\r\n+a\n b\r\n", {"f": b"a\nb\r\n"}, "line endings"),
    ("a mark", {"f": b"\xef\xbb\xbfa\nb\n"}, update("@@\n-a\n+x\n b\n"), {"f": b"\xef\xbb\xbfx\nb\n"}, ""),
    ("utf-16", {"f": "\ufeffa\r\nb\r\n".encode("utf-16-le")}, update("@@\n-a\n+日\n b\n"), {"f": "\ufeff日\r\nb\r\n".encode("utf-16-le")}, ""),
    ("latin-1", {"f": b"\xe9\nb\n"}, update("@@\n é\n-b\n+\u00fc\n"), {"f": b"\xe9\n\xfc\n"}, ""),
    ("utf-16 to nothing", {"f": "\ufeffa\n".encode("utf-16-le")}, "--- a/f\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n", {"f": None}, "deleted f"),
    ("form feeds and odd line ends", {"f": "a\fb\nc\u2028d\ne\x85f\n"}, update("@@\n a\fb\n-c\u2028d\n+x\n e\x85f\n"), {"f": "a\fb\nx\ne\x85f\n"}, ""),
    ("trailing spaces in the file", {"f": "a  \nb\nc \n"}, update("@@\n a\n-b\n+x\n c\n"), {"f": "a  \nx\nc \n"}, "matched at lines 1-3 ignoring trailing whitespace"),
    ("trailing spaces in the patch", {"f": "a\nb\nc\n"}, UNIFIED + "@@ -1,3 +1,3 @@\n a \n-b\t\n+x\n c  \n", {"f": "a\nx\nc\n"}, "f: matched at lines 1-3"),
    ("another indent", {"f": "if x:\n    a()\n    b()\n"}, update("@@\n a()\n-b()\n+c()\n+d()\n"), {"f": "if x:\n    a()\n    c()\n    d()\n"}, "indented by 4 spaces"),
    ("curly quotes in the file", {"f": "a\nsay(“b”) # x\n"}, update('@@\n a\n-say("b") # x\n+say("b") # y\n'), {"f": "a\nsay(“b”) # y\n"}, "ignoring the form of punctuation"),
]  # fmt: skip

# (name, files, patch, words in the error); every file stays as it was.
REFUSED = [
    ("no patch", {"f": FIVE}, "Please change c to C.", "There is no patch in it"),
    ("nothing", {"f": FIVE}, "", "There is no patch in it"),
    ("search and replace blocks", {"f": FIVE}, "f\n<<<<<<< SEARCH\nc\n=======\nC\n>>>>>>> REPLACE\n", "Search and replace blocks"),
    ("line ends written out", {"f": FIVE}, "*** Begin Patch\\n*** Update File: f\\n-c\\n+C\\n*** End Patch", "written out as two characters"),
    ("line ends written out in a hunk", {"f": FIVE}, update("@@\n-b\\nc\n+B\\nC\n"), "written out as two characters"),
    ("cut off", {"f": FIVE}, "*** Begin Patch\n*** Update File: f\n@@\n-c\n+C\n", "cut off"),
    ("two patches", {"f": FIVE}, update("-c\n+C\n") + update("-d\n+D\n"), "two patches"),
    ("no files", {"f": FIVE}, begin(""), "names no file"),
    ("no path", {"f": FIVE}, begin("*** Update File:\n@@\n-c\n+C\n"), "no path"),
    ("no hunk", {"f": FIVE}, begin("*** Update File: f\n"), "changes nothing in f"),
    ("nothing changes", {"f": FIVE}, update("@@\n a\n b\n"), "changes nothing: the files are already so"),
    ("a line without a mark", {"f": FIVE}, update("@@\n b\n-c\n+C\nd\n"), "Line 7 of the patch should begin with a space, + or -"),
    ("a line without a mark, unified", {"f": FIVE}, UNIFIED + "@@ -2,3 +2,3 @@\n b\n-c\n+C\nd\n", "Line 7 of the patch begins neither"),
    ("a hunk without @@, unified", {"f": FIVE}, UNIFIED + CHANGE_C, "Line 3 of the patch begins neither a file nor a hunk. A hunk begins with @@"),
    ("an added line without its plus", {}, begin("*** Add File: n\n+x\ny\n"), "Line 4 of the patch should begin with +"),
    ("words instead of a marker", {"f": FIVE}, begin("Update f\n-c\n+C\n"), "Line 2 of the patch begins no file"),
    ("a merge", {"f": FIVE}, "diff --cc f\n" + UNIFIED + "@@@ -1,2 -1,2 +1,2 @@@\n  b\n--c\n++C\n", "merge with several parents"),
    ("a context diff", {"f": FIVE}, "*** a/f\n--- b/f\n***************\n*** 2,4 ****\n! c\n--- 2,4 ----\n! C\n", "There is no patch"),
    ("a binary patch", {"f": FIVE}, "diff --git a/f b/f\nindex 1..2\nGIT binary patch\nliteral 3\n", "binary"),
    ("a link", {}, "diff --git a/l b/l\nnew file mode 120000\n--- /dev/null\n+++ b/l\n@@ -0,0 +1 @@\n+f\n" + NO_END, "a link"),
    ("a submodule", {}, "diff --git a/l b/l\nnew file mode 160000\n--- /dev/null\n+++ b/l\n@@ -0,0 +1 @@\n+x\n", "a submodule"),
    ("a missing file", {"f": FIVE}, begin("*** Update File: g\n-c\n+C\n"), "no file g"),
    ("a missing file to delete", {"f": FIVE}, begin("*** Delete File: g\n"), "no file g"),
    ("a new file that is there", {"f": FIVE}, begin("*** Add File: f\n+x\n"), "f exists already"),
    ("a move to a file that is there", {"f": FIVE, "g": "x\n"}, begin("*** Update File: f\n*** Move to: g\n@@\n" + CHANGE_C), "g exists already"),
    ("a copy to a file that is there", {"f": FIVE, "g": "x\n"}, "diff --git a/f b/g\ncopy from f\ncopy to g\n", "g exists already"),
    ("two names that both exist", {"f": FIVE, "f.orig": FIVE}, "--- f.orig\n+++ f\n@@ -2,3 +2,3 @@\n" + CHANGE_C, "names both f.orig and f"),
    ("a deleted file that has more lines", {"f": "x\ny\n"}, "--- a/f\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n", "leaves lines of it"),
    ("context in a new file", {}, "--- /dev/null\n+++ b/n\n@@ -0,0 +1,2 @@\n x\n+y\n", "all its lines begin with +"),
    ("outside the workspace", {"f": FIVE}, begin("*** Add File: ../n\n+x\n"), "outside the workspace"),
    ("into the folder of git", {"f": FIVE}, begin("*** Add File: .git/hooks/x\n+x\n"), "belongs to git"),
    ("a binary file", {"f": b"c\0"}, update("-c\n+C\n"), "binary"),
    ("a letter that the encoding lacks", {"f": b"\xe9\nb\n"}, update("@@\n é\n-b\n+日\n"), "Latin-1 text, which has no '日'"),
    ("a drifted line", {"f": FIVE}, update("@@\n b\n-see\n+C\n d\n"), "f: line 3 should be 'see', but there stands 'c'"),
    ("the nearest lines are shown", {"f": FIVE}, update("@@\n b\n-see\n+C\n d\n"), "The nearest lines are 2-4:\n2\tb\n3\tc\n4\td"),
    ("which hunk", {"f": FIVE}, update("@@\n-a\n+A\n@@\n-see\n+C\n d\n"), "f, hunk 2 of 2: line 3 should be 'see'"),
    ("past the end", {"f": FIVE}, update("@@\n e\n-f\n+F\n"), "line 6 should be 'f', but there is no such line"),
    ("nothing like it", {"f": FIVE}, update("@@\n-zzzz\n+y\n"), "none of its context is in the file"),
    ("done already", {"f": FIVE_DONE}, update("@@\n" + CHANGE_C), "stand at line 2 already"),
    ("twice", {"f": TWICE}, update("@@\n     x = 1\n-    return x\n+    return 2\n"), "stand 2 times, at lines 2, 7"),
    ("twice, and a line between", {"f": TWICE}, UNIFIED + "@@ -5,2 +5,2 @@\n     x = 1\n-    return x\n+    return 2\n", "stand 2 times"),
    ("twice in the block of its anchor", {"f": "def g():\n    x\n    x\n"}, update("@@ def g():\n-    x\n+    y\n"), "stand 2 times"),
    ("an anchor that stands twice", {"f": NESTED}, update("@@ def run(self):\n-        go()\n+        stop()\n"), "stand 2 times"),
    ("an anchor that is nowhere", {"f": FIVE}, update("@@ def x():\n" + CHANGE_C), "no line 'def x():' as its @@ says"),
    ("an anchor that is nowhere, with a like one", {"f": TWICE}, update("@@ def gg():\n     x = 1\n-    return x\n+    return 2\n"), "no line 'def gg():'"),
    ("an anchor that comes later", {"f": TWICE + "z = 1\n"}, update("@@ z = 1\n-def f():\n+def h():\n"), "only at line 9"),
    ("only added lines", {"f": FIVE}, update("@@\n+x\n"), "doesn't say where"),
    ("only added lines, by number", {"f": FIVE}, UNIFIED + "@@ -3,0 +4 @@\n+x\n", "doesn't say where"),
    ("only added lines, after an anchor that stands twice", {"f": NESTED}, update("@@ def run(self):\n+        x()\n"), "which of the lines 2, 6 its @@ means"),
    ("not at the end", {"f": FIVE}, update("@@\n-c\n+C\n*** End of File\n"), "should be at the end of the file"),
    ("hunks that overlap", {"f": FIVE}, update("@@\n b\n-c\n+C\n@@\n-c\n+X\n d\n"), "two hunks change the same place, line 3"),
    ("twice with trailing spaces", {"f": "x \ny\nx\t\ny\n"}, update("@@\n x\n-y\n+z\n"), "ignoring trailing whitespace they stand 2 times, at lines 1, 3"),
    ("tabs where the patch has spaces", {"f": "if x:\n\tgo()\n"}, update("@@\n if x:\n-    go()\n+    stop()\n"), "line 2 should be '    go()', but there stands '\\tgo()'"),
    ("an indent that is not uniform", {"f": "  a\n   b\n"}, update("@@\n a\n-b\n+c\n"), "should be 'a', but there stands '  a'"),
    ("new lines that can't move left", {"f": "a\nb\n"}, update("@@\n   a\n-  b\n+c\n"), "too little indent"),
    ("the leading space of context lost", {"f": "  a\n  b\n"}, update("@@\n  a\n-  b\n+  c\n"), "line 1 should be ' a', but there stands '  a'"),
    ("lines joined", {"f": "foo(a1,\n    b1)\n"}, update("@@\n-foo(a1, b1)\n+bar()\n"), "f: line 1 should be"),
    ("the third of three files", {"f": FIVE, "g": "x\n"}, begin("*** Update File: f\n" + CHANGE_C + "*** Delete File: g\n*** Update File: h\n-a\n+b\n"), "no file h"),
]  # fmt: skip


def as_bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode()


def make(root, files) -> dict[str, bytes]:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(as_bytes(content))
    return standing(root)


def standing(root) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("files", "patch", "after", "words"), [case[1:] for case in LANDS], ids=[case[0] for case in LANDS]
)
async def test_a_patch_lands_exactly(call, root, files, patch, after, words):
    wanted = make(root, files)
    for name, content in after.items():
        if content is None:
            del wanted[name]
        else:
            wanted[name] = as_bytes(content)
    result = await call("apply_patch", patch=patch)
    assert standing(root) == wanted
    assert (words or "") in result.content
    assert (
        "matched" not in result.content
        or words is None
        or "matched" in words
        or "ed by" in words
        or "ignoring" in words
    )


@pytest.mark.parametrize(("files", "patch", "words"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
async def test_a_patch_is_refused_with_the_way_on(toolbox, root, files, patch, words):
    before = make(root, files)
    with pytest.raises(ToolError) as refusal:
        await toolbox.prepare("apply_patch", {"patch": patch})
    assert words in str(refusal.value)
    assert standing(root) == before


async def test_modes_are_changed_kept_and_given(call, root):
    def mode(name: str) -> int:
        return stat.S_IMODE((root / name).stat().st_mode)

    for name, bits in (("f", 0o640), ("g", 0o755), ("h", 0o751), ("i", 0o600)):
        (root / name).write_text("x\n")
        (root / name).chmod(bits)
    result = await call(
        "apply_patch",
        patch="diff --git a/f b/f\nold mode 100644\nnew mode 100755\n"
        "diff --git a/g b/g\nold mode 100755\nnew mode 100644\n--- a/g\n+++ b/g\n@@ -1 +1 @@\n-x\n+y\n"
        "diff --git a/h b/h2\nrename from h\nrename to h2\n"
        "diff --git a/i b/i2\nold mode 100644\nnew mode 100755\ncopy from i\ncopy to i2\n"
        "diff --git a/n b/n\nnew file mode 100755\n--- /dev/null\n+++ b/n\n@@ -0,0 +1 @@\n+#!/bin/sh\n",
    )
    assert {name: mode(name) for name in ("f", "g", "h2", "i", "i2")} == {
        "f": 0o750,
        "g": 0o644,
        "h2": 0o751,
        "i": 0o600,
        "i2": 0o700,
    }
    assert mode("n") & 0o111
    assert result.content.split("\n") == [
        "edited f: +0 −0 (mode 640 → 750)",
        "edited g: +1 −1 (mode 755 → 644)",
        "renamed h to h2: +0 −0",
        "copied i to i2: +1 (executable)",
        "created n: +1 (executable)",
    ]


async def test_links_are_written_through_and_never_deleted_or_moved_by_another_name(call, root):
    (root / "link").symlink_to("src/a.py")
    (root / "folder").symlink_to("src")
    await call(
        "apply_patch", patch=begin("*** Update File: link\n-two\n+2\n*** Update File: folder/a.py\n-three\n+3\n")
    )
    assert (root / "src" / "a.py").read_text() == "one\n2\n3\n" and (root / "link").is_symlink()
    for text in ("*** Delete File: link\n", "*** Update File: link\n*** Move to: x\n"):
        with pytest.raises(ToolError, match=r"link is a link to src/a\.py"):
            await call("apply_patch", patch=begin(text))
    await call("apply_patch", patch=begin("*** Delete File: folder/a.py\n"))
    assert not (root / "src" / "a.py").exists()


async def test_a_file_that_changed_since_it_was_read_is_not_deleted_unseen(call, root):
    await call("read", file_path="src/a.py")
    (root / "src" / "a.py").write_text("mine\n")
    with pytest.raises(ToolError, match="changed on disk since"):
        await call("apply_patch", patch=begin("*** Delete File: src/a.py\n"))
    assert (root / "src" / "a.py").exists()
