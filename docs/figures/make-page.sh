#!/bin/sh
# Makes docs/figures/page.html, the page that the README links to: a default run without counts, exported.
set -e
cd "$(dirname "$0")/../.."
folder=$(mktemp -d)
./run train --recipe plain-quick --quiet --out "$folder/clockmakers-cup"
./run export "$folder/clockmakers-cup" --to html --out docs/figures/page.html
rm -r "$folder"
