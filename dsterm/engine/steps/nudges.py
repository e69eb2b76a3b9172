"""What the model is told when its answer was none."""

from __future__ import annotations

GO_ON = "Go on exactly where you stopped. Repeat nothing and add no words about it."
ACT_NOW = (
    "You said what you would do, but you called no tool. Call it now. "
    "If you are done, or wait for something, say that instead."
)
ANSWER_NOW = "Your last answer was empty. Say in words what the tool results above come to, or call the next tool."
CALL_AGAIN = (
    "Your last tool call was written as text in a form that can't be read, so it did not run. "
    "Make it again as a proper tool call, or answer in words."
)
THINK_ANEW = (
    "Your reasoning repeated itself and was stopped. Take another way: decide now, in few thoughts, and act or answer."
)
