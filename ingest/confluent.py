"""Kafka's client, where it is installed, and settings for it."""

from __future__ import annotations

from pathlib import Path

try:
    from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
except ImportError as missing:
    msg = "Kafka needs `pip install 'driftline[kafka]'`"
    raise ImportError(msg) from missing

__all__ = [
    "Consumer",
    "KafkaError",
    "KafkaException",
    "Message",
    "Producer",
    "SettingsError",
    "TopicPartition",
    "read_settings",
]


class SettingsError(ValueError):
    """Settings of Kafka's client are none; the text says which and why."""


def read_settings(file: Path) -> dict[str, str]:
    """The settings in a file of lines such as `security.protocol=SASL_SSL`; `#` begins a comment line.

    Their names are those of librdkafka: https://github.com/confluentinc/librdkafka/blob/master/CONFIGURATION.md.

    Raises:
        SettingsError: The file cannot be read, or a line is no setting.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{file}: cannot be read: {getattr(error, 'strerror', None) or error}"
        raise SettingsError(msg) from error
    found = {}
    for number, line in enumerate(map(str.strip, lines), 1):
        if not line or line.startswith("#"):
            continue
        name, equals, value = line.partition("=")
        if not equals or not name.strip():
            # The line is not shown: it may hold a password.
            msg = f"{file}: line {number}: got no setting, allowed: name=value, and comments that begin with #"
            raise SettingsError(msg)
        found[name.strip()] = value.strip()
    return found
