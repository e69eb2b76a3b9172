from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsterm.render.outline import TokenOutline

CASES = {
    "a.py": (
        """\
import x
LIMIT: int = 3
@dec("a)")
class A(B,
        metaclass=C):
    \"\"\"def not(): here\"\"\"
    @property
    def f(self, a: dict[str, int] = {"x: y": 1},
          *, b=lambda q: q) -> int:  # comment
        def inner(): pass
        return 1
async def g(): ...
""",
        """\
LIMIT: int
@dec
class A(B, metaclass=C)
    @property
    def f(self, a: dict[str, int] = {"x: y": 1}, *, b=lambda q: q) -> int
async def g()
""",
    ),
    "a.ts": (
        """\
import {x} from "y";
export interface Shape<T> extends Base {
  area(scale: number): number;
  name: string
  draw(): void
}
export type Kind = { a: 1 } | 'b';
export abstract class Circle extends Thing implements Shape {
  private r = 3;
  constructor(private readonly x: number, { a, b }: Opts = {}) { super(); if (x) { y(); } }
  async *items(): AsyncIterable<string> { for (const a of b) { yield a } }
  get size() { return 1 }
  abstract foo(): void;
}
export const make = async (a: string): Promise<void> => {
  function inner() {}
}
function plain(a, b = `x${ a }`) { return /[{]/.test(a) }
describe("x", () => { it("y", () => {}) })
foo(bar);
module.exports = { a() { } };
""",
        """\
export interface Shape<T> extends Base
    area(scale: number): number
    draw(): void
export type Kind
export abstract class Circle extends Thing implements Shape
    constructor(private readonly x: number, { a, b }: Opts = {})
    async *items(): AsyncIterable<string>
    get size()
    abstract foo(): void
export const make = async (a: string): Promise<void> =>
function plain(a, b = `x${ a }`)
""",
    ),
    "a.go": (
        """\
package main
import "fmt"
type Server struct {
	mu sync.Mutex
	fn func(int) error
}
type Reader interface {
	Read(p []byte) (n int, err error)
	Close() error
}
func (s *Server) Serve(ctx context.Context,
	addr string) (err error) {
	go func() { x() }()
}
func any(x interface{}) map[string]interface{} {
	return nil
}
var x = map[string]int{"a": 1}
func last() {}
""",
        """\
type Server struct
    fn func(int) error
type Reader interface
    Read(p []byte) (n int, err error)
    Close() error
func (s *Server) Serve(ctx context.Context, addr string) (err error)
func any(x interface{}) map[string]interface{}
func last()
""",
    ),
    "a.rs": (
        """\
//! doc
#[derive(Debug)]
pub struct Foo<'a> { a: &'a str }
pub struct Bar(u32);
impl<'a, F: Fn(u32) -> u32> Foo<'a> where F: Copy {
    pub fn new(a: &'a str) -> Self { Foo { a } }
    async fn go(&self) -> Result<(), E> { match x { _ => {} } }
}
pub trait T { fn f(&self); fn g(&self) -> u8 { 1 } }
enum E { A { x: u8 }, B(u8) }
mod tests { use super::*; fn t() {} }
macro_rules! m { () => {} }
""",
        """\
pub struct Foo<'a>
pub struct Bar(u32)
impl<'a, F: Fn(u32) -> u32> Foo<'a> where F: Copy
    pub fn new(a: &'a str) -> Self
    async fn go(&self) -> Result<(), E>
pub trait T
    fn f(&self)
    fn g(&self) -> u8
enum E
mod tests
    fn t()
macro_rules! m
""",
    ),
    "A.java": (
        """\
package x;
import y;
@Entity(name = "a{b")
public class A<T extends B> implements C {
    private final int x = f(1);
    static { init(); }
    @Override
    public <R> R get(int a,
                     String b) throws IOException {
        return new Foo() { void z() {} };
    }
    abstract void q();
    enum K { A, B; int w() { return 1; } }
    interface I { void m(int a); default int n() { return 1; } }
}
record P(int x, int y) {}
""",
        """\
@Entity(name = "a{b") public class A<T extends B> implements C
    @Override public <R> R get(int a, String b) throws IOException
    abstract void q()
    enum K
        int w()
    interface I
        void m(int a)
record P(int x, int y)
""",
    ),
    "a.cpp": (
        """\
#include <x>
#define F(x) { x }
namespace a { namespace b {
template <typename T>
class Foo : public Bar<T> {
public:
  Foo(int a) : x(a), y{2} {}
  virtual ~Foo() = default;
  virtual int go(int a) const = 0;
  int inl() const override { return 1; }
private:
  int x;
};
}}
struct foo *make(int a,
   char *b)
{
  if (a) { return 0; }
}
static int table[] = { 1, 2 };
int proto(int x);
extern "C" { void c_api(void); }
int Foo::bar() const { return x; }
""",
        """\
namespace a
    namespace b
        template <typename T> class Foo : public Bar<T>
            Foo(int a)
            virtual ~Foo() = default
            virtual int go(int a) const = 0
            int inl() const override
struct foo *make(int a, char *b)
int proto(int x)
extern "C"
    void c_api(void)
int Foo::bar() const
""",
    ),
    "a.rb": (
        """\
module A
  class B < C
    attr_reader :x
    def f(a, b = "def x")
      1
    end
  end
end
""",
        """\
module A
  class B < C
    attr_reader :x
    def f(a, b = "def x")
""",
    ),
    "a.php": (
        """\
<?php
namespace A\\B;
abstract class X extends Y { public function f(int $a, ?string $b = null): array { if ($a) { } } abstract function g(); }
function h() {}
""",
        """\
abstract class X extends Y
    public function f(int $a, ?string $b = null): array
    abstract function g()
function h()
""",
    ),
    "a.sh": (
        """\
foo() {
  bar
}
function baz { x; }
""",
        """\
foo()
function baz
""",
    ),
    "a.md": (
        """\
# A
text
```
# no
```
## B
Title
=====
""",
        """\
# A
## B
# Title
""",
    ),
    "a.kt": (
        """\
data class P(val x: Int) { fun f(): Int = 1
 override fun g() { } }
fun top(a: Int) = a
object O { }
""",
        """\
data class P(val x: Int)
    fun f(): Int = 1
    override fun g()
fun top(a: Int) = a
object O
""",
    ),
    "a.swift": (
        """\
protocol P { func a() }
extension X: P { init(a: Int) { }
 func b() -> Int { 1 } }
""",
        """\
protocol P
    func a()
extension X: P
    init(a: Int)
    func b() -> Int
""",
    ),
    "a.cs": (
        """\
namespace N;
public class A : B { public int X { get; set; } public async Task F(int a) { } }
""",
        """\
public class A : B
    public async Task F(int a)
""",
    ),
}


@pytest.mark.parametrize("path", CASES)
def test_an_outline_has_the_signatures_of_its_language(path: str) -> None:
    text, outline = CASES[path]
    assert TokenOutline().outline(path, text) == outline


def test_line_ends_make_no_difference() -> None:
    text, outline = CASES["a.py"]
    assert TokenOutline().outline("a.py", text.replace("\n", "\r\n")) == outline


@pytest.mark.parametrize("path", ["data.json", "notes.txt", "unknown.zzz", "empty.py"])
def test_where_nothing_is_to_be_found_there_is_no_outline(path: str) -> None:
    assert TokenOutline().outline(path, "") == ""
    assert TokenOutline().outline(path, '{"class": "x"}') == ""


def test_a_very_large_file_has_none() -> None:
    assert TokenOutline().outline("a.py", "def f(): ...\n" * 40_000) == ""


code = st.lists(
    st.sampled_from(
        [
            "class A",
            "def f(",
            "{",
            "}",
            "(",
            ")",
            ";",
            "\n",
            '"',
            "'",
            "`",
            "/*",
            "fn x",
            "=> ",
            "func ",
            ":",
            "@a",
            "\\",
        ]
    ),
    max_size=40,
).map(" ".join)


@given(
    st.sampled_from(["a.py", "a.ts", "a.go", "a.rs", "a.java", "a.cpp", "a.rb", "a.php", "a.md", "a.sh", "a.rst"]), code
)
def test_broken_code_breaks_nothing_and_gives_the_same_outline_again(path: str, text: str) -> None:
    outline = TokenOutline().outline(path, text)
    assert outline == TokenOutline().outline(path, text)
    assert all(line.strip() for line in outline.splitlines())


@pytest.mark.parametrize(
    ("path", "piece"), [("a.pl", "s{"), ("a.lua", "[[="), ("a.rb", "<<A "), ("a.py", "("), ("a.md", "[")]
)
def test_a_file_that_is_made_to_keep_the_lexer_busy_has_no_outline(path: str, piece: str) -> None:
    began = time.thread_time()
    TokenOutline().outline(path, piece * (40_000 // len(piece)))
    # Without a limit it is minutes for some of these.
    assert time.thread_time() - began < 8
