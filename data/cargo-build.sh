#!/bin/sh
# Builds the programs with cargo for meson: CARGO SOURCE TARGET PROFILE OUTPUT PROGRAM…
set -eu
cargo=$1 source=$2 target=$3 profile=$4
# meson names it as seen from the build directory.
output=$(cd "$5" && pwd)
shift 5
case $profile in
    dev) built=$target/debug ;;
    *) built=$target/$profile ;;
esac
bins=
for program; do
    bins="$bins --bin $program"
done
cd "$source"
# shellcheck disable=SC2086 # one word for each argument
"$cargo" build --locked --profile "$profile" --target-dir "$target" $bins
for program; do
    cp "$built/$program" "$output/$program"
done
