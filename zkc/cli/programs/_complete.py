"""The completion of bash, zsh and fish: their scripts, and what they and ``zkc shell`` are given to insert.

Names of znodes come from other clients. A shell must never read one as a command, a variable or two words.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from click.shell_completion import CompletionItem, FishComplete, ShellComplete, ZshComplete, add_completion_class

from zkc.cli.programs._words import Word, escaped, words_of

__all__ = ["insertable", "register", "safe", "script_of"]

_BASH = """\
_zkc_completion() {
    local line reply type text
    line=${COMP_LINE:0:${COMP_POINT:-${#COMP_LINE}}}
    COMPREPLY=()
    reply=$(env ZKC_COMP_LINE="$line" ZKC_COMP_BREAKS="$COMP_WORDBREAKS" _ZKC_COMPLETE=bash_complete zkc 2>/dev/null)
    while IFS=$'\\t' read -r type text; do
        case $type in
            plain) COMPREPLY+=("$text") ;;
            part) COMPREPLY+=("$text"); compopt -o nospace 2>/dev/null ;;
            file) compopt -o default 2>/dev/null ;;
            program)
                [[ $text == */* ]] || mapfile -t COMPREPLY < <(compgen -c -- "$text")
                compopt -o default 2>/dev/null ;;
            dir) compopt -o dirnames 2>/dev/null ;;
        esac
    done <<< "$reply"
    return 0
}
complete -o nosort -F _zkc_completion zkc
"""

_FISH = """\
function _zkc_completion
    set -l response (env _ZKC_COMPLETE=fish_complete ZKC_COMP_LINE=(commandline -cp | string collect) zkc 2>/dev/null)
    for completion in $response
        set -l parts (string split -m 1 \\t -- $completion)
        switch $parts[1]
            case dir
                __fish_complete_directories (commandline -ct)
            case program
                __fish_complete_command
            case file
                __fish_complete_path (commandline -ct)
            case '*'
                echo -- $parts[2]
        end
    end
end

complete --no-files --command zkc --arguments "(_zkc_completion)"
"""


def safe(items: list[CompletionItem]) -> list[CompletionItem]:
    """Return the items without those that a terminal cannot show: a control character may end a line or a word."""
    return [item for item in items if not isinstance(item.value, str) or item.value.isprintable()]


def insertable(items: list[CompletionItem], word: Word, *, history: bool = True) -> list[CompletionItem]:
    """Return what a shell inserts as it is, in place of the part of a word that it replaces.

    An item of the type ``part`` has nothing behind it, not even a blank: the word goes on.

    Args:
        items: What click found for the value of the word.
        word: The word before the cursor.
        history: Whether the shell expands ``!`` within double quotes, as bash does.
    """
    option, equals, _ = word.value.partition("=")
    made = []
    for item in items:
        if item.type != "plain":
            made.append(item)
            continue
        value = item.value
        if equals and option.startswith("-"):  # click completes the value of --option=value alone.
            value = f"{option}={value}"
        if value.startswith(word.kept):
            kind = "part" if value.endswith(("/", ":", "=")) else "plain"
            text = escaped(value[len(word.kept) :], word.quote, history=history)
            made.append(CompletionItem(text, kind, item.help, shown=item.value))
    return made


class _Complete(ShellComplete):
    """The completion of one shell, which prints nothing but completions and ends in time."""

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem]:
        try:
            return safe(super().get_completions(args, incomplete))
        except Exception:  # noqa: BLE001 - whatever is wrong with the line, a completion prints no error
            return []

    def complete(self) -> str:
        text = super().complete()
        from zkc.cli.programs._live_paths import hangs

        if hangs():
            sys.stdout.write(f"{text}\n")
            sys.stdout.flush()
            os._exit(0)  # Without the interpreter's end, which waits for the client of a server that does not answer.
        return text


class _Bash(_Complete):
    """The completion of bash, which inserts what it is given as it is."""

    name = "bash"
    source_template = _BASH

    def get_completion_args(self) -> tuple[list[str], str]:
        breaks = os.environ.get("ZKC_COMP_BREAKS", " \t\n\"'><=;|&(:")
        words, self._word = words_of(os.environ.get("ZKC_COMP_LINE", ""), breaks)
        return words[1:], self._word.value

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem]:
        return insertable(super().get_completions(args, incomplete), self._word)

    def format_completion(self, item: CompletionItem) -> str:
        return f"{item.type}\t{item.value}"


class _Zsh(_Complete, ZshComplete):
    """The completion of zsh, which quotes what it inserts."""

    name = "zsh"
    source_template = ZshComplete.source_template.replace("%(prog_name)s)}", "%(prog_name)s 2>/dev/null)}").replace(
        '        elif [[ "$type" == "dir" ]]; then',
        '        elif [[ "$type" == "program" ]]; then\n            _command_names -e; _path_files -f\n'
        '        elif [[ "$type" == "dir" ]]; then',
    )  # fmt: skip

    def get_completion_args(self) -> tuple[list[str], str]:
        words, last = words_of(os.environ.get("COMP_WORDS", ""))
        words.append(last.value)
        cword = int(os.environ.get("COMP_CWORD", "0"))
        return words[1:cword], words[cword] if cword < len(words) else ""


class _Fish(_Complete, FishComplete):
    """The completion of fish, which quotes what it inserts."""

    name = "fish"
    source_template = _FISH

    def get_completion_args(self) -> tuple[list[str], str]:
        words, last = words_of(os.environ.get("ZKC_COMP_LINE", ""))
        return words[1:], last.value

    def format_completion(self, item: CompletionItem) -> str:
        return f"{item.type}\t{item.value}\t{item.help}" if item.help else f"{item.type}\t{item.value}"


def register() -> None:
    """Let click use these classes."""
    for each in (_Bash, _Zsh, _Fish):
        add_completion_class(each)


def script_of(shell: str) -> str:
    """Return the script for a shell."""
    from zkc.cli._root import root

    maker: Any = {"bash": _Bash, "zsh": _Zsh, "fish": _Fish}[shell]
    if maker is not _Zsh:
        return str(maker.source_template)
    complete = maker(root, {}, "zkc", "_ZKC_COMPLETE")
    return str(complete.source_template % complete.source_vars())
