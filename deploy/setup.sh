#!/bin/sh
# Makes both environments, and only when their lock files changed: uv, Python >= 3.11 for the service, 3.10 for the bot.
# Needs nothing but a POSIX shell and any Python 3. Usage: deploy/setup.sh [service] [bot] [browser]
set -eu
cd "$(dirname "$0")/.."
VAR=${REMIT_VAR:-var}
STAMPS=$VAR/setup
mkdir -p "$STAMPS" "$VAR/log"

fail() {
    printf 'remit: %s\n' "$1" >&2
    exit 1
}

stamp_of() { # folder: what its environment was made from
    cat "$1/pyproject.toml" "$1/uv.lock" | cksum
}

is_fresh() { # name folder
    [ -x "$2/.venv/bin/python" ] && [ -f "$STAMPS/$1" ] && [ "$(cat "$STAMPS/$1")" = "$(stamp_of "$2")" ]
}

# --- uv -------------------------------------------------------------------------------------------------------------

works() { "$@" --version >/dev/null 2>&1; }

find_uv() {
    for UV in uv "$HOME/.local/bin/uv" "$HOME/.cargo/bin/uv" "$VAR/uv/bin/uv"; do
        works "$UV" && return 0
    done
    return 1
}

bring_uv() {
    # A folder of our own first: nothing outside it changes. `--target` also works where there is no venv module.
    python3 -m venv "$VAR/uv" && "$VAR/uv/bin/pip" install --quiet uv && find_uv && return 0
    rm -rf "$VAR/uv"
    python3 -m pip install --quiet --target "$VAR/uv" uv && find_uv && return 0
    pipx install uv && find_uv && return 0
    if [ "$(id -u)" = 0 ] && command -v apt-get; then
        apt-get update -q && apt-get install -qy --no-install-recommends python3-venv &&
            python3 -m venv "$VAR/uv" && "$VAR/uv/bin/pip" install --quiet uv && find_uv && return 0
    fi
    return 1
}

# --- Python ---------------------------------------------------------------------------------------------------------

pyenv_folders() { # version pattern: the bin folders of pyenv's own Pythons, which uv does not see behind the shims
    roots=${PYENV_ROOT:-$HOME/.pyenv}
    works pyenv && roots="$roots $(pyenv root)"
    for root in $roots; do
        for folder in "$root"/versions/$1*/bin; do
            [ -d "$folder" ] && printf '%s:' "$folder"
        done
    done
}

find_python() { # request, pyenv versions: sets PYTHON, from uv, pyenv or the system, downloaded by uv as a last resort
    UV_PYTHON_SEARCH_PATH="$(pyenv_folders "$2")$PATH"
    export UV_PYTHON_SEARCH_PATH
    PYTHON=$("$UV" python find --quiet --no-project --system --no-python-downloads "$1" 2>/dev/null) && return 0
    "$UV" python install --quiet "$1" >>"$VAR/log/setup.log" 2>&1 &&
        PYTHON=$("$UV" python find --quiet --no-project --system "$1" 2>/dev/null)
}

# --- The steps ------------------------------------------------------------------------------------------------------

sync_service() {
    find_python '>=3.11' '3.1[1-9]' || fail "no Python >= 3.11 from uv, pyenv or the system (as root: apt-get install python3)"
    "$UV" sync --frozen --quiet --no-progress --python "$PYTHON" || fail "uv could not install the service (see above)"
    stamp_of . >"$STAMPS/service"
}

sync_bot() {
    find_python 3.10 3.10 || fail "no Python 3.10 from uv, pyenv or the system; Rasa needs it (pyenv install 3.10)"
    "$UV" sync --frozen --quiet --no-progress --python "$PYTHON" --project bot ||
        fail "uv could not install the bot (see above)"
    stamp_of bot >"$STAMPS/bot"
}

sync_browser() { # Debian's chromium, where it may be installed; the browser tests are skipped without one
    apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends chromium
}

has_browser() { [ -n "${CHROMIUM:-}" ] || command -v chromium || command -v chromium-browser; } >/dev/null

show() { # title command...: runs it, counting the seconds on a terminal
    title=$1
    shift
    begin=$(date +%s)
    log=$STAMPS/$1.log
    "$@" >"$log" 2>&1 &
    job=$!
    trap 'kill $job 2>/dev/null || :; exit 130' INT TERM
    if [ -t 1 ] && [ -z "${CI:-}" ]; then
        while kill -0 $job 2>/dev/null; do
            printf '\r  … %s  %s s ' "$title" "$(($(date +%s) - begin))"
            sleep 1
        done
        printf '\r\033[K'
    fi
    if ! wait $job; then
        last=$(tail -n 1 "$log")
        case $last in "remit: no "*) fail "${last#remit: }" ;; esac
        tail -n 15 "$log" >&2
        fail "$title: failed after $(($(date +%s) - begin)) s"
    fi
    trap - INT TERM
    printf '  ✓ %s  %s s\n' "$title" "$(($(date +%s) - begin))"
}

wanted=
[ $# -gt 0 ] || set -- service bot
for name in "$@"; do
    case $name in
    service) is_fresh service . || wanted="$wanted service" ;;
    bot) is_fresh bot bot || wanted="$wanted bot" ;;
    browser)
        if ! has_browser && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
            (show 'Installing chromium for the browser tests' sync_browser) || echo '  – browser tests are skipped'
        fi
        ;;
    *) fail "deploy/setup.sh knows service, bot and browser, not $name" ;;
    esac
done
[ -n "$wanted" ] || exit 0

find_uv || show 'Bringing uv' bring_uv
find_uv || fail 'uv is missing and could not be brought: install it (pip install uv), then try again'
sync_both() { # two downloads at once; either one's failure is the step's
    sync_service &
    service=$!
    sync_bot || { kill $service 2>/dev/null || :; return 1; }
    wait $service
}
case $wanted in
' service bot') show 'Installing the service and the dialogue engine' sync_both ;;
' service') show 'Installing the service' sync_service ;;
' bot') show 'Installing the dialogue engine' sync_bot ;;
esac
