#!/usr/bin/env bash
# `release.sh VERSION FOLDER` writes action/version and the checksums of the archives in FOLDER,
# those of earlier versions kept: whoever pins `version` finds it.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
version=${1:?VERSION} folder=${2:?FOLDER}
targets=(x86_64-unknown-linux-gnu aarch64-unknown-linux-gnu)

fail() {
    printf 'error: %s\n' "$1" >&2
    exit 1
}

[[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]] || fail "'$version' is no version such as 1.2.3"
if grep -q "^$version " "$here/checksums"; then fail "$version is released already"; fi
# A copy whose reusable workflow calls another's action would give its jobs' rights to that.
workflow=$here/../.github/workflows/reusable.yml
if [[ -n ${GITHUB_REPOSITORY:-} && -e $workflow ]]; then
    foreign=$(sed -n 's/.*uses: \([^./][^@ ]*\)@v[0-9]* # zizmor.*/\1/p' "$workflow" | grep --invert-match --max-count 1 --fixed-strings --line-regexp "$GITHUB_REPOSITORY" || true)
    [[ -z $foreign ]] || fail "reusable.yml calls $foreign: sed -i 's|uses: $foreign@|uses: $GITHUB_REPOSITORY@|' .github/workflows/reusable.yml"
fi
lines=
for target in "${targets[@]}"; do
    archive=$folder/perfgate-$version-$target.tar.gz
    [[ -f $archive ]] || fail "there is no $archive"
    [[ $(tar -tzf "$archive") == $'perfgate\ncargo-perfgate' ]] ||
        fail "$archive holds something else than perfgate and cargo-perfgate"
    sum=$(sha256sum "$archive")
    lines+="$version $target ${sum%% *}"$'\n'
done
printf '%s' "$lines" >>"$here/checksums"
printf '%s\n' "$version" >"$here/version"
