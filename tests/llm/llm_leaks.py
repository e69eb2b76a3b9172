"""Tool calls as they leak into answers, in every spelling that was seen."""

from __future__ import annotations

OWN = """<｜DSML｜tool_calls>
<｜DSML｜invoke name="read">
<｜DSML｜parameter name="path" string="true">a.py</｜DSML｜parameter>
<｜DSML｜parameter name="n" string="false">3</｜DSML｜parameter>
</｜DSML｜invoke>
</｜DSML｜tool_calls>"""
BARE = """<invoke name="read">
<parameter name="path">a.py</parameter>
</invoke>"""
READ = '{"name": "read", "arguments": {"path": "a.py"}}'

SPELLINGS = {
    "own": OWN,
    "ASCII bars": OWN.replace("｜", "|"),
    "doubled bars": OWN.replace("｜", "｜｜"),
    "doubled ASCII bars": OWN.replace("｜", "||"),
    "one double bar": OWN.replace("｜", "‖"),
    "tool-calls": OWN.replace("tool_calls", "tool-calls"),
    "toolcall": OWN.replace("tool_calls", "toolcall"),
    "function_calls": OWN.replace("tool_calls", "function_calls"),
    "V4.1": OWN.replace("｜tool_calls", "｜ calls").replace("｜invoke", "｜ invoke").replace("｜param", "｜ param"),
    "invoke without wrapper": OWN.split("\n", 1)[1].rsplit("\n", 1)[0],
    "wrapper that is only closed": OWN.split("\n", 1)[1],
    "bare invoke": BARE,
    "bare wrapper": f"<function_calls>\n{BARE}\n</function_calls>",
    "tool_call": f"<tool_call>\n{READ}\n</tool_call>",
    "tool_calls of tool_call": f"<tool_calls>\n<tool_call>{READ}</tool_call></tool_calls>",
    "function_call": f"<function_call>{READ}</function_call>",
    "brackets": f"[TOOL_CALL]\n{READ}\n[/TOOL_CALL]",
    "bracket without end": f"[TOOL_CALLS] [{READ}]",
    "V3": "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>read\n```json\n"
    '{"path": "a.py"}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>',
    "V3.1": '<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>read<｜tool▁sep｜>{"path": "a.py"}'
    "<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
    "Kimi": "<|tool_calls_section_begin|><|tool_call_begin|>functions.read:0<|tool_call_argument_begin|>"
    '{"path": "a.py"}<|tool_call_end|><|tool_calls_section_end|>',
    "one of a section": '<｜tool▁call▁begin｜>read<｜tool▁sep｜>{"path": "a.py"}<｜tool▁call▁end｜>',
}
WHOLE_ANSWERS = {
    "bare JSON": READ,
    "fenced JSON": f"```json\n{READ}\n```",
    "fenced without language": f"\n```\n{READ}\n```\n",
    "parameters": READ.replace("arguments", "parameters"),
    "arguments as text": '{"name": "read", "arguments": "{\\"path\\": \\"a.py\\"}"}',
}
MARKS = ("DSML", "invoke", "parameter", "tool_call", "tool-call", "toolcall", "TOOL_CALL", "tool▁", "arguments")
