"""Every channel against the real thing: a mail server, an Alertmanager, and what apprise posts to."""

from __future__ import annotations

import email
import http.server
import json
import os
import shutil
import ssl
import subprocess
import threading
import time
import urllib.request
from datetime import UTC, datetime
from email import policy

import pytest
import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from click.testing import CliRunner

from driftline.analyzers import monitors
from driftline.analyzers.alerts.delivery.channels import channels
from driftline.analyzers.alerts.delivery.commands import notices
from driftline.cli import main

# The server asks for STARTTLS even where the connection is private already.
pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
MODEL = "models: [{name: m, task: regression, window: 1h}]\n"


@pytest.fixture
def send(tmp_path):
    """Run `driftline alerts test` with these channels."""

    def run(channels: str, *arguments: str):
        (tmp_path / "monitors.yml").write_text(f"{MODEL}notify:\n  channels:\n    it: {channels}\n")
        return CliRunner().invoke(main, ["alerts", "test", "--config", str(tmp_path / "monitors.yml"), *arguments])

    return run


class Mailbox:
    """Keeps what a mail server is given."""

    def __init__(self) -> None:
        self.messages: list = []
        self.answer = "250 OK"
        self.channel = ""

    async def handle_DATA(self, _server, _session, envelope):
        """Take a mail, or do not."""
        if self.answer.startswith("250"):
            self.messages.append(email.message_from_bytes(envelope.content, policy=policy.default))
        return self.answer


@pytest.fixture
def mail(free_port):
    """A mail server."""
    box = Mailbox()
    controller = Controller(box, hostname="127.0.0.1", port=free_port())
    controller.start()
    address = f"server: 127.0.0.1, port: {controller.port}, encryption: none"
    box.channel = f"{{kind: mail, {address}, from: d@example.org, to: [o@example.org]}}"
    yield box
    controller.stop()


def test_mail_of_one_incident_is_a_thread(mail, send):
    """Plain and HTML; each later mail refers to the first."""
    result = send(mail.channel)
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[0] == "it: opened: sent"
    first, *later = mail.messages
    assert first["Subject"] == "[ticket] test: this is a test of Driftline, nothing happened"
    assert first["Message-ID"]
    assert len(later) == 6
    assert {message["In-Reply-To"] for message in later} == {first["Message-ID"]}
    assert len({message["Message-ID"] for message in mail.messages}) == 7
    assert first.get_body(("html",)).get_content().startswith("<!doctype html>")
    assert any(message["Subject"].strip().startswith("Over after 3 h: [page] test") for message in later)


@pytest.fixture(params=["tls", "starttls"])
def private_mail(request, free_port, monkeypatch, tmp_path):
    """A mail server that takes mail over TLS alone, from whom it knows; its authority is trusted."""
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    monkeypatch.setenv("MAIL_PASSWORD", "right")
    box = Mailbox()

    def known(_server, _session, _envelope, _mechanism, given):
        return AuthResult(success=(given.login, given.password) == (b"d", b"right"), handled=False)

    options = {"authenticator": known, "auth_required": True}
    if request.param == "starttls":
        options |= {"tls_context": context, "require_starttls": True}
    else:
        options |= {"ssl_context": context, "auth_require_tls": False}
    controller = Controller(box, hostname="127.0.0.1", port=free_port(), **options)
    controller.start()
    address = f"server: 127.0.0.1, port: {controller.port}, encryption: {request.param}"
    who = "user: d, password: 'env:MAIL_PASSWORD'"
    box.channel = f"{{kind: mail, {address}, {who}, from: d@example.org, to: [o@example.org]}}"
    yield box
    controller.stop()


def test_mail_over_tls_is_sent_with_a_password(private_mail, send):
    """From the start, or by STARTTLS."""
    result = send(private_mail.channel)
    assert result.exit_code == 0, result.output
    assert len(private_mail.messages) == 7


def test_a_wrong_password_is_told_and_not_shown(private_mail, send, monkeypatch):
    """The server's answer, and nothing of the password."""
    monkeypatch.setenv("MAIL_PASSWORD", "secret-and-wrong")
    result = send(private_mail.channel)
    assert result.exit_code == 1
    assert "SMTP 535" in result.output
    assert "secret-and-wrong" not in result.output
    assert not private_mail.messages


def test_a_server_that_nobody_vouches_for_gets_no_mail(private_mail, send, monkeypatch):
    """Nor the password."""
    monkeypatch.delenv("SSL_CERT_FILE")
    result = send(private_mail.channel)
    assert result.exit_code == 1
    assert "SSLCertVerificationError" in result.output
    assert not private_mail.messages


@pytest.mark.parametrize(("answer", "told"), [("451 later", "SMTP 451"), ("554 never", "SMTP 554")])
def test_a_mail_server_that_does_not_take_it_is_told(mail, send, answer, told):
    """Exit code 1."""
    mail.answer = answer
    result = send(mail.channel, "--json")
    assert result.exit_code == 1
    assert {json.loads(line)["error"] for line in result.stdout.splitlines()} == {told}


def test_apprise_posts_title_and_text(send, monkeypatch):
    """To the address that the environment holds."""
    told = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("CHAT", f"json://127.0.0.1:{server.server_address[1]}/token")
        result = send("{kind: apprise, url: 'env:CHAT'}")
        server.shutdown()
    assert result.exit_code == 0, result.output
    assert [one["type"] for one in told] == ["warning", *["failure"] * 3, "success", "failure", "info"]
    assert told[0]["title"].startswith("[ticket] test")
    assert "driftline alerts show" in told[0]["message"]


@pytest.fixture
def alertmanager(tmp_path, free_port):
    """A real Alertmanager; one that is missing fails in CI."""
    program = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
    if program is None:
        assert "CI" not in os.environ, "prometheus-alertmanager is not installed"
        pytest.skip("prometheus-alertmanager is not installed")
    (tmp_path / "am.yml").write_text("route: {receiver: none}\nreceivers: [{name: none}]\n")
    port = free_port()
    command = [program, f"--config.file={tmp_path / 'am.yml'}", f"--storage.path={tmp_path / 'data'}"]
    command += [f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        url = f"http://127.0.0.1:{port}"
        for _ in range(100):
            try:
                urllib.request.urlopen(f"{url}/-/ready", timeout=1)
                break
            except OSError:
                time.sleep(0.1)
        yield url
        process.kill()


def test_alertmanager_has_the_incident_until_it_is_over(alertmanager):
    """On with one severity at a time; over when it is."""
    text = f"{MODEL}notify: {{channels: {{am: {{kind: alertmanager, url: '{alertmanager}'}}}}}}"
    channel = channels(monitors.parse(text).notify)["am"]

    def on() -> list[str]:
        with urllib.request.urlopen(f"{alertmanager}/api/v2/alerts?active=true", timeout=5) as answer:
            return [alert["labels"]["severity"] for alert in json.load(answer)]

    seen = []
    for notice in notices(datetime.now(UTC)):
        channel.send(notice, None)
        seen.append((notice.telling.value, on()))
    assert dict(seen) == {
        "opened": ["ticket"],
        "escalated": ["page"],
        "reminder": ["page"],
        "silence_ends": ["page"],
        "resolved": [],
        "overflow": [],
        "digest": [],
    }


def test_a_channel_that_is_none_is_refused(send):
    """Exit code 2, and the known ones."""
    result = send("{kind: apprise, url: 'env:CHAT'}", "--channel", "nobody")
    assert result.exit_code == 2
    assert "--channel: got 'nobody', allowed: it" in result.stderr
