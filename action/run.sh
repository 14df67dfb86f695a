#!/usr/bin/env bash
# The steps of action.yml: `run.sh gate` installs perfgate and becomes it, `run.sh cleanup` removes
# what a cancelled run left, `run.sh close` closes its check. Around them, `run.sh keys` names what a cache may have, and
# `run.sh keep` puts there what is new. Inputs come as PERFGATE_*; no input is ever part of a script.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
scratch=${RUNNER_TEMP:?this script is for runners of GitHub Actions}/perfgate
# Folders that are kept in the cache.
built=$scratch/built
images=$scratch/images

# The verdict of a job that ends before there is another: of an output that is written twice the later value counts.
no_verdict() { [[ -z ${GITHUB_OUTPUT:-} ]] || echo "verdict=error" >>"$GITHUB_OUTPUT" || true; }

# Prints an error that the runner shows beside the job, and ends.
fail() {
    local text=$1
    # One line of code, in which Markdown means nothing: inputs are part of it.
    [[ -z ${GITHUB_STEP_SUMMARY:-} ]] ||
        printf '## perfgate: could not measure\n\n    %s\n' "${text//[$'\r\n']/ }" >>"$GITHUB_STEP_SUMMARY" || true
    no_verdict
    text=${text//'%'/%25}
    text=${text//$'\r'/%0D}
    text=${text//$'\n'/%0A}
    printf '::error title=perfgate::%s\n' "$text"
    exit 2
}

target() {
    case "$(uname -s) $(uname -m)" in
    "Linux x86_64") echo x86_64-unknown-linux-gnu ;;
    "Linux aarch64" | "Linux arm64") echo aarch64-unknown-linux-gnu ;;
    *) return 1 ;;
    esac
}

# Downloads the program of a release and compares it with the checksum in this repository.
prebuilt() {
    local target=$1 version=${PERFGATE_VERSION:-} sum archive url
    if is_unreleased; then
        echo "::notice title=perfgate::this copy of the action has no release: perfgate is built from source" >&2
        source_build
        return
    fi
    [[ -n $version ]] || version=$(<"$here/version")
    version=${version#v}
    sum=$(awk -v version="$version" -v target="$target" \
        '$1 == version && $2 == target { print $3 }' "$here/checksums")
    [[ -n $sum ]] || fail "no checksum of perfgate $version for $target is known to this version \
of the action: choose another \`version\`, or \`install: source\`"
    archive=perfgate-$version-$target.tar.gz
    url=${GITHUB_SERVER_URL:-https://github.com}/${PERFGATE_REPOSITORY:?}/releases/download/v$version/$archive
    curl --fail --silent --show-error --location --retry 3 --output "$scratch/$archive" "$url" ||
        by_token "v$version" "$archive" ||
        fail "cannot download $url: where that is private, \`github-token\` must be one that may read it"
    echo "$sum  $scratch/$archive" | sha256sum --check --quiet >&2 ||
        fail "$url is not what was released: its checksum is another"
    tar -xzf "$scratch/$archive" -C "$scratch" perfgate
    echo "$scratch/perfgate"
}

# Whether nothing that this copy of the action could download is known.
is_unreleased() { [[ -z ${PERFGATE_VERSION:-} ]] && ! grep --quiet '^[^#]' "$here/checksums"; }

# The same of a copy that is private or internal, whose releases no address gives to everybody.
by_token() {
    local server=${GITHUB_SERVER_URL:-https://github.com}
    [[ -n ${GITHUB_TOKEN:-} ]] && command -v gh >/dev/null || return 1
    rm -f "$scratch/$2"
    GH_TOKEN=$GITHUB_TOKEN GH_ENTERPRISE_TOKEN=$GITHUB_TOKEN GH_HOST=${server#https://} \
        gh release download "$1" --repo "$PERFGATE_REPOSITORY" --pattern "$2" --dir "$scratch" >&2
}

# Builds the program of this version of the action, unless the cache has it.
source_build() {
    if "$built/perfgate" --version >/dev/null 2>&1; then
        echo "$built/perfgate"
        return
    fi
    command -v cargo >/dev/null || fail "\`install: source\` needs cargo, which is not on PATH"
    cargo build --release --locked --bin perfgate --manifest-path "$here/../Cargo.toml" \
        --target-dir "$scratch/target" >&2 || fail "cannot build perfgate"
    echo "$scratch/target/release/perfgate"
}

install_program() {
    local target
    target=$(target) || fail "perfgate measures on Linux, x86_64 and aarch64, and this is \
$(uname -s) $(uname -m): use \`runs-on: ubuntu-latest\`"
    case ${PERFGATE_INSTALL:-prebuilt} in
    prebuilt) prebuilt "$target" ;;
    source) source_build ;;
    path)
        command -v perfgate || fail "\`install: path\`, and there is no perfgate on PATH"
        ;;
    *) fail "\`install\` is '$PERFGATE_INSTALL': write prebuilt, source or path" ;;
    esac
}

# Lets git push baselines where the checkout did not keep its credentials, beside the settings that
# the job gives to git in the same way. perfgate keeps them and the token from everything that it
# runs but git.
lend_token_to_git() {
    local server=${GITHUB_SERVER_URL:-https://github.com} count=${GIT_CONFIG_COUNT:-0}
    [[ -n ${GITHUB_TOKEN:-} ]] || return 0
    [[ $count =~ ^[0-9]{1,4}$ ]] || fail "GIT_CONFIG_COUNT is '$count', which git does not take"
    if git config --get-urlmatch http.extraheader "$server" >/dev/null 2>&1; then return 0; fi
    count=$((10#$count))
    export "GIT_CONFIG_KEY_$count=http.$server/.extraheader"
    export "GIT_CONFIG_VALUE_$count=AUTHORIZATION: basic \
$(printf 'x-access-token:%s' "$GITHUB_TOKEN" | base64 -w0)"
    export GIT_CONFIG_COUNT=$((count + 1))
}

# Whether an input that is true or false is true.
is_set() {
    case $2 in
    true) return 0 ;;
    false) return 1 ;;
    *) fail "\`$1\` is '$2': write true or false" ;;
    esac
}

# Whether this job would build the program.
is_built() {
    case ${PERFGATE_INSTALL:-prebuilt} in
    source) return 0 ;;
    prebuilt) is_unreleased ;;
    *) return 1 ;;
    esac
}

first_letters() { sha256sum | cut -c-16; }

# What the program is built from, and what it runs with.
key_of_program() {
    local sources
    sources=$(cd "$here/.." && find . \( -name .git -o -name target \) -prune -o -type f -print0 |
        LC_ALL=C sort -z | xargs -0 sha256sum | first_letters)
    printf 'perfgate-program-%s-%s-%s\n' "$(target)" "$(getconf GNU_LIBC_VERSION | tr -c '[:alnum:].\n' -)" "$sources"
}

keys() {
    is_set cache "${PERFGATE_CACHE:-false}" || exit 0
    if is_built; then echo "program=$(key_of_program)" >>"$GITHUB_OUTPUT"; fi
    if docker version >/dev/null 2>&1; then
        echo "images=perfgate-images-$(uname -m)" >>"$GITHUB_OUTPUT"
    fi
}

# The image that the newest build of each folder made, and its stages: perfgate calls them after their content.
own_images() {
    docker images --filter 'reference=perfgate/*' --format '{{.Repository}} {{.Tag}}' |
        awk '{
            split($2, digest, "-")
            if (!($1 in newest)) newest[$1] = digest[1]
            if (newest[$1] == digest[1]) print $1 ":" $2
        }'
}

layers() { docker image inspect --format '{{range .RootFS.Layers}}{{.}} {{end}}' "$1"; }

# Images that those of standard input start from: without them perfgate could not say what they are called.
first_images() {
    local own=() image lower
    mapfile -t own
    docker images --format '{{.Repository}}:{{.Tag}}' | grep --invert-match -e '^perfgate/' -e '<none>' |
        while read -r image; do
            lower=$(layers "$image") || continue
            for it in "${own[@]}"; do
                if [[ $(layers "$it") == "$lower"* ]]; then
                    echo "$image"
                    break
                fi
            done
        done
}

# Writes images with the steps that made them, which the next build of a folder takes up as far as they are the same.
save_images() {
    local own=() all=()
    mapfile -t own < <(own_images)
    ((${#own[@]})) || return 0
    mapfile -t all < <(printf '%s\n' "${own[@]}" | first_images)
    printf '%s\n' "${own[@]}" "${all[@]}" | LC_ALL=C sort >"$scratch/names"
    [[ $(cat "$images/names" 2>/dev/null) != $(<"$scratch/names") ]] || return 0
    for image in "${own[@]}"; do
        mapfile -t -O "${#all[@]}" all < <(docker history --quiet --no-trunc "$image" | grep --invert-match missing)
    done
    mkdir -p "$images"
    docker save --output "$images/all.tar" "${own[@]}" "${all[@]}" || return 0
    mv "$scratch/names" "$images/names"
    echo "images=$PERFGATE_KEY_OF_IMAGES-$(first_letters <"$images/names")" >>"$GITHUB_OUTPUT"
}

load_images() {
    [[ -e $images/all.tar ]] || return 0
    docker load --quiet --input "$images/all.tar" >/dev/null ||
        echo "::notice title=perfgate::the images in the cache cannot be read: they are built" >&2
    # The disk may need the space.
    rm -f "$images/all.tar"
}

# Puts into the folders of the cache what is new, and names it.
keep() {
    local program=$scratch/target/release/perfgate
    mkdir -p "$scratch"
    if [[ -n ${PERFGATE_KEY_OF_PROGRAM:-} && -e $program ]]; then
        mkdir -p "$built"
        cp "$program" "$built/perfgate"
        echo "program=$PERFGATE_KEY_OF_PROGRAM" >>"$GITHUB_OUTPUT"
    fi
    [[ -z ${PERFGATE_KEY_OF_IMAGES:-} ]] || save_images
}

# The flags by which two steps mean the same job and configuration.
words=()
identify() {
    words=(ci --mode "${PERFGATE_MODE:-auto}")
    [[ -z ${PERFGATE_CONFIG:-} ]] || words+=("--config=$PERFGATE_CONFIG")
    [[ -z ${PERFGATE_KEY:-} ]] || words+=("--key=$PERFGATE_KEY")
    [[ -z ${PERFGATE_JOB:-} ]] || words+=("--job=$PERFGATE_JOB")
}

gate() {
    local program
    # Also of a program that is killed, or is given what it does not take.
    no_verdict
    mkdir -p "$scratch"
    # What is printed on the way is of a subshell; its errors are printed for the runner.
    program=$(install_program) || {
        printf '%s\n' "$program"
        exit 2
    }
    printf '%s' "$program" >"$scratch/program"
    load_images

    cd "${PERFGATE_WORKING_DIRECTORY:-.}" ||
        fail "there is no folder '${PERFGATE_WORKING_DIRECTORY:-}' (working-directory)"
    lend_token_to_git
    identify
    words+=(--comment "${PERFGATE_COMMENT:-auto}" --fail-on "${PERFGATE_FAIL_ON:-regression}")
    words+=(--timeout "${PERFGATE_TIMEOUT:-30m}")
    [[ -z ${PERFGATE_ARTIFACT:-} ]] || words+=("--artifact=$PERFGATE_ARTIFACT")
    [[ -z ${PERFGATE_SHARD:-} ]] || words+=("--shard=$PERFGATE_SHARD")
    [[ -z ${PERFGATE_SHARDS:-} ]] || words+=("--shards=$PERFGATE_SHARDS")
    [[ -z ${PERFGATE_AGAINST:-} ]] || words+=("--against=$PERFGATE_AGAINST")
    [[ -z ${PERFGATE_BASELINE_STORE:-} ]] || words+=("--baseline=$PERFGATE_BASELINE_STORE")
    if is_set allow-dirty "${PERFGATE_ALLOW_DIRTY:-false}"; then words+=(--allow-dirty); fi
    if is_set since-change "${PERFGATE_SINCE_CHANGE:-false}"; then words+=(--since-change); fi
    # The runner signals this process alone when a job is cancelled.
    exec "$program" "${words[@]}"
}

cleanup() {
    # Nothing was installed, and so nothing was started.
    [[ -e $scratch/program ]] || exit 0
    exec "$(<"$scratch/program")" cleanup
}

close() {
    [[ -e $scratch/program ]] || exit 0
    cd "${PERFGATE_WORKING_DIRECTORY:-.}" || exit 0
    identify
    # What cannot be closed is said by perfgate, and is no reason to fail a job that passed.
    "$(<"$scratch/program")" "${words[@]}" --close || true
}

case ${1:-} in
keys) keys ;;
gate) gate ;;
keep) keep ;;
cleanup) cleanup ;;
close) close ;;
*) fail "run.sh is called with keys, gate, keep, cleanup or close" ;;
esac
