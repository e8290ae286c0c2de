"""A call as something to listen to, by espeak-ng: the service in a woman's voice, keys as tones, callers in a man's."""

from __future__ import annotations

import io
import math
import shutil
import struct
import subprocess
import wave
from collections.abc import Iterable, Mapping
from pathlib import Path

ESPEAK = shutil.which("espeak-ng") or ""
RATE, WORDS_A_MINUTE = 22_050, 165
PAUSE_S, TONE_S = 0.45, 0.18
ROWS, COLUMNS = (697, 770, 852, 941), (1209, 1336, 1477)  # Hz of a telephone's keys
KEYS = ("123", "456", "789", "*0#")
VOICES = {
    **{("en", "service"): "en-us+f3", ("fr", "service"): "fr-fr+f3"},
    **{("en", "caller"): "en-us", ("fr", "caller"): "fr-fr"},
}


def render(captions: Iterable[Mapping[str, str]], file: Path) -> float:
    """Writes the call as a WAV file; returns how many seconds it lasts."""
    samples = bytearray()
    for caption in captions:
        if caption["by"] == "line":
            continue
        text = caption["text"]
        samples += _tones(text) if text.startswith("[") else _speech(text, caption["language"][:2], caption["by"])
        samples += bytes(2 * int(RATE * PAUSE_S))
    file.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(file), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(RATE)
        sound.writeframes(bytes(samples))
    return len(samples) / 2 / RATE


def _speech(text: str, language: str, by: str) -> bytes:
    command = [ESPEAK, "-v", VOICES[language, by], "-s", str(WORDS_A_MINUTE), "--stdout", text]
    spoken = subprocess.run(command, capture_output=True, check=True).stdout
    with wave.open(io.BytesIO(spoken)) as sound:
        assert (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) == (RATE, 1, 2)
        return sound.readframes(sound.getnframes())


def _tones(keys: str) -> bytes:
    sound = bytearray()
    for key in keys.strip("[]"):
        row = next(place for place, names in enumerate(KEYS) if key in names)
        low, high = ROWS[row], COLUMNS[KEYS[row].index(key)]
        for n in range(int(RATE * TONE_S)):
            at = 2 * math.pi * n / RATE
            sound += struct.pack("<h", int(7000 * (math.sin(low * at) + math.sin(high * at))))
        sound += bytes(2 * int(RATE * 0.08))
    return bytes(sound)
