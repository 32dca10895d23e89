"""Checks a page with the standard library: what is opened is closed in order, ids are unique,
nothing is loaded from elsewhere, no character that HTML forbids, every table has headers and every
drawing a name."""

import html.parser
import re

VOID = {"meta", "br", "hr", "img", "link", "input"}
FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufdd0-\ufdef\ufffe\uffff]")


class Page(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.problems, self.open, self.ids, self.levels = [], [], set(), []
        self.text, self.count = {}, {}
        if not text.startswith("<!DOCTYPE html>\n<html lang=\"en\">"):
            self.problems.append("no doctype or language")
        for found in FORBIDDEN.finditer(text):
            self.problems.append("forbidden character U+%04X" % ord(found.group()))
        self.feed(text)
        self.close()
        for name in self.open:
            self.problems.append("<%s> is never closed" % name)
        for name in ("title", "h1", "main"):
            if self.count.get(name) != 1:
                self.problems.append("%s: %s of them" % (name, self.count.get(name)))
        if any(after - before > 1 for before, after in zip(self.levels, self.levels[1:])):
            self.problems.append("a level of headings is skipped")

    def handle_starttag(self, name, attributes):
        self.handle_startendtag(name, attributes)
        if name not in VOID:
            self.open.append(name)

    def handle_startendtag(self, name, attributes):
        if name == "title" and self.open[-1:] != ["head"]:
            return  # a drawing's tooltip
        self.count[name] = self.count.get(name, 0) + 1
        names = [one for one, _ in attributes]
        if len(set(names)) < len(names):
            self.problems.append("<%s> has an attribute twice" % name)
        attributes = dict(attributes)
        for one, value in attributes.items():
            if one.startswith("on") or one in ("src", "href", "srcset", "data", "action"):
                self.problems.append("<%s %s=%r>" % (name, one, value))
            if one == "style" and not re.fullmatch(r"(--share:[\d.]+|width:[\d.]+px)", value):
                self.problems.append("<%s style=%r>" % (name, value))
        if name in ("script", "link", "img", "iframe", "object", "base", "form"):
            self.problems.append("<%s>" % name)
        if "id" in attributes:
            if attributes["id"] in self.ids:
                self.problems.append("id %r twice" % attributes["id"])
            self.ids.add(attributes["id"])
        if re.fullmatch("h[1-6]", name):
            self.levels.append(int(name[1]))
        if name == "svg" and not (attributes.get("role") == "img" and
                                  attributes.get("aria-label")):
            self.problems.append("a drawing without a name")
        if name == "th" and attributes.get("scope") not in ("row", "col"):
            self.problems.append("a header cell without scope")

    def handle_endtag(self, name):
        if not self.open or self.open[-1] != name:
            self.problems.append("</%s> closes <%s>" % (name, self.open[-1:]))
        else:
            self.open.pop()

    def handle_data(self, data):
        inside = self.open[-1] if self.open else ""
        self.text[inside] = self.text.get(inside, "") + data
        if inside == "style" and re.search(r"url\(|@import|expression|</", data):
            self.problems.append("the style loads something")


def check(text):
    return Page(text)
