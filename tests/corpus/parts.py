"""Takes the messages of a corpus apart into what a compose form can carry, and builds each anew as a mail program would.

    parts.py SPAM.mbx HAM.mbx >corpus.jsonl

A line for each message: `spam`, its `subject`, its `text` and whether that is HTML, its `files`, and in base64 the message
as it was (`original`) and as a mail program builds it from the same parts (`built`), from @FROM@ to @TO@.
"""

import base64
import email.header
import email.message
import email.policy
import email.utils
import html.parser
import json
import mailbox
import sys


class Words(html.parser.HTMLParser):
    """What a person sees of HTML, roughly, as mail programs put it into the plain part."""

    def __init__(self):
        super().__init__()
        self.seen, self.unseen = [], 0

    def handle_starttag(self, tag, attrs):
        self.unseen += tag in ("style", "script", "title")
        if tag in ("br", "p", "div", "tr", "li"):
            self.seen.append("\n")

    def handle_endtag(self, tag):
        self.unseen -= tag in ("style", "script", "title") and self.unseen > 0

    def handle_data(self, data):
        if not self.unseen:
            self.seen.append(data)


def one_line(text):
    return " ".join(text.split())


def decoded(value):
    """A header as people read it; what is written wrongly stays as it is."""
    try:
        return one_line(str(email.header.make_header(email.header.decode_header(value or ""))))
    except (LookupError, UnicodeError, email.errors.HeaderParseError):
        return one_line(str(value))


def text_of(part):
    content = part.get_payload(decode=True) or b""
    try:
        text = content.decode(part.get_content_charset() or "ascii")
    except (LookupError, UnicodeError):
        text = content.decode("latin-1")
    return text.replace("\r\n", "\n").replace("\0", "")


def parts_of(message):
    """The text, whether it is HTML, and the files. Of a text in both forms a person wrote the HTML."""
    plain, markup, files = None, None, []
    for part in message.walk():
        if part.is_multipart():
            continue
        kind, name = part.get_content_type(), part.get_filename()
        if name is None and kind == "text/plain" and plain is None:
            plain = text_of(part)
        elif name is None and kind == "text/html" and markup is None:
            markup = text_of(part)
        else:
            name = one_line(decoded(name)).replace('"', "") or f"part{len(files) + 1}"
            content = part.get_payload(decode=True)
            # Nobody attaches nothing.
            files.extend([(name, kind, content)] if content else [])
    return (plain or "", False, files) if markup is None else (markup, True, files)


def built(subject, text, is_html, files, number):
    message = email.message.EmailMessage(policy=email.policy.SMTP)
    message["From"] = "@FROM@"
    message["To"] = "@TO@"
    message["Subject"] = subject
    message["Date"] = email.utils.formatdate()
    message["Message-ID"] = f"<{number:08}.0707@mail.campus.example>"
    if is_html:
        words = Words()
        words.feed(text)
        message.set_content("".join(words.seen))
        message.add_alternative(text, subtype="html")
    else:
        message.set_content(text)
    for name, kind, content in files:
        main, sub = kind.split("/", 1)
        main, sub = ("application", "octet-stream") if main in ("message", "multipart") else (main, sub)
        message.add_attachment(content, maintype=main, subtype=sub, filename=name)
    return bytes(message)


def main():
    number = 0
    for spam, path in ((True, sys.argv[1]), (False, sys.argv[2])):
        for original in mailbox.mbox(path, create=False):
            number += 1
            subject = decoded(original["Subject"])
            text, is_html, files = parts_of(original)
            encoded = lambda content: base64.b64encode(content).decode("ascii")
            json.dump(
                {
                    "spam": spam,
                    "subject": subject,
                    "text": text,
                    "is_html": is_html,
                    "files": [{"name": name, "content": encoded(content)} for name, _, content in files],
                    "built": encoded(built(subject, text, is_html, files, number)),
                    "original": encoded(original.as_bytes()),
                },
                sys.stdout,
            )
            print()


main()
