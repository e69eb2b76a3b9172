"""Whether an answer only announces what the model would do next, in English, German and Chinese.

Rather one missed than a finished answer that is nudged: only short texts, only their last sentence, only verbs of doing.
"""

from __future__ import annotations

import re

_MOST_CHARACTERS = 500

_SENTENCE_END = re.compile(r"(?<=[.!?…:])[\"'”’*_)]*\s+|(?<=[。！？：])|\n+")
_HEADING = re.compile(r"^#{1,6} ", re.MULTILINE)
_FENCE = "```"

_VERBS = (
    "add|adjust|analy[sz]e|apply|begin|build|change|check|compare|continue|correct|create|debug|delete|dig|edit|examine|"
    "execute|explore|fetch|find|fix|gather|get|go|grep|implement|inspect|install|investigate|list|locate|look|make|modify|"
    "move|open|patch|proceed|pull|read|refactor|remove|rename|replace|re-?run|rerun|retry|review|rewrite|run|scan|search|see|"
    "start|take|test|trace|try|update|use|verify|view|write"
)
_ENGLISH = re.compile(
    r"(?:(?:ok(?:ay)?|great|good|perfect|right|alright|all right|sure|now|so|then|next|first|and|but|also|finally|to start|"
    r"to begin|for that|instead)\b[\s,.!:—-]*)*"
    r"(?:let me|let['’]s|let us|i['’]ll|i will|i['’]m going to|i am going to|i need to|i['’]m now going to|i have to)\s+"
    r"(?:(?:now|first|then|just|quickly|also|next|start by|begin by|go ahead and|take a moment to)\s+)*"
    rf"(?:{_VERBS})\b",
    re.IGNORECASE,
)
_ENGLISH_GERUND = re.compile(
    r"(?:now|next|first|okay)?[\s,]*(?:checking|looking|reading|searching|running|examining|inspecting|opening|reviewing)"
    r"\b[^.]*(?:…|\.\.\.)$",
    re.IGNORECASE,
)
_NO_ANNOUNCEMENT = re.compile(
    r"\b(?:if|once|when|whenever|until|unless|after|before|as soon as|in case)\s+(?:you|it|that|this|there)\b|"
    r"\byour (?:approval|confirmation|answer|reply|decision|permission|go-ahead)\b|"
    r"\b(?:from now on|in (?:the )?future|next time|going forward|from here on)\b|\blet me (?:know|explain)\b",
    re.IGNORECASE,
)

_GERMAN_DOING = (
    "prüf|überprüf|schau|seh|les|such|führ|öffn|untersuch|erstell|änder|test|leg|pass|beheb|behebe|korrigier|schreib|"
    "lass|starte|beginn|analysier|aktualisier|ergänz|entfern|ersetz|durchsuch"
)
_GERMAN_INFINITIVE = (
    r"(?:prüfen|überprüfen|schauen|ansehen|anschauen|nachsehen|nachschauen|sehen|lesen|suchen|ausführen|öffnen|untersuchen|"
    r"erstellen|ändern|testen|anlegen|anpassen|beheben|korrigieren|schreiben|starten|beginnen|analysieren|aktualisieren|"
    r"ergänzen|entfernen|ersetzen|durchsuchen|einlesen|durchgehen)"
)
_GERMAN = re.compile(
    r"(?:(?:ok(?:ay)?|gut|alles klar|nun|jetzt|also|zuerst|zunächst|als nächstes|als erstes|dann|danach)\b[\s,.!:—-]*)*"
    rf"(?:(?:lass|lassen sie) mich\b.*\b{_GERMAN_INFINITIVE}\b|"
    rf"(?:ich werde|werde ich)\b.*\b{_GERMAN_INFINITIVE}\b|"
    rf"ich (?:{_GERMAN_DOING})e?\b.*\b(?:jetzt|nun|zuerst|zunächst|als nächstes|mal|kurz|einmal)\b|"
    rf"ich (?:schaue|sehe) (?:mir|nach)\b)",
    re.IGNORECASE,
)
_GERMAN_TURNED = re.compile(
    rf"(?:nun|jetzt|zuerst|zunächst|als nächstes|als erstes|dann|danach) (?:{_GERMAN_DOING})e? ich\b", re.IGNORECASE
)
_NO_GERMAN = re.compile(
    r"\b(?:wenn|sobald|falls|bis|nachdem|bevor)\b|\bwissen\b|\bkünftig\b|\bin zukunft\b", re.IGNORECASE
)

_CHINESE_DOING = (
    "检查|查看|看看|看一下|看一看|读取|阅读|读一下|搜索|查找|运行|执行|修改|创建|修复|测试|分析|打开|尝试|更新|编写|实现|"
    "添加|删除|替换|调查|浏览|列出|验证"
)
_CHINESE = re.compile(
    r"(?:(?:好的?|首先|现在|接下来|然后|那么|接着|下面|明白了?|没问题)[，,、\s]*)*"
    r"(?:让我们?|我(?:先|来|将|会|现在|马上|需要|要|再|这就)|我们(?:先|来|再))"
    rf"(?:先|来|再|现在|去|首先|马上|会)*[^，。？]{{0,6}}(?:{_CHINESE_DOING})"
)
_NO_CHINESE = re.compile("如果|等[你您]|[你您](?:确认|同意|告诉)|之后再|以后")


def announces_only(text: str) -> bool:
    """Whether `text`, a whole answer without a tool call, ends by saying what comes next, so that something is missing."""
    said = text.strip()
    if not said or len(said) > _MOST_CHARACTERS or _FENCE in said or _HEADING.search(said) or _asks(said):
        return False
    sentences = [sentence.strip(" \t*_>-•\"'“”") for sentence in _SENTENCE_END.split(said)]
    last = next((sentence for sentence in reversed(sentences) if sentence), "")
    if _NO_ANNOUNCEMENT.search(last) or _NO_GERMAN.search(last) or _NO_CHINESE.search(last):
        return False
    if said[-1] in ":：":
        return True
    ways = (_ENGLISH, _ENGLISH_GERUND, _GERMAN, _GERMAN_TURNED, _CHINESE)
    return any(way.match(last) for way in ways)


def _asks(text: str) -> bool:
    return "?" in text or "？" in text
