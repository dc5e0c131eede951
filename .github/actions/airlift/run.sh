#!/usr/bin/env bash
# What the action runs: a sweep, its reports, and a summary of the job.
set -uo pipefail
mkdir -p "$AIRLIFT_OUT" || exit 3
read -ra scenario <<<"${AIRLIFT_SCENARIO:-}"
read -ra more <<<"${AIRLIFT_ARGS:-}"
code=0
"$AIRLIFT" sweep ${scenario[@]+"${scenario[@]}"} ${more[@]+"${more[@]}"} --color never \
  --junit "$AIRLIFT_OUT/sweep.xml" --sarif "$AIRLIFT_OUT/sweep.sarif" --html "$AIRLIFT_OUT/sweep.html" >"$AIRLIFT_OUT/sweep.txt" || code=$?
cat "$AIRLIFT_OUT/sweep.txt"
if [ -n "${GITHUB_STEP_SUMMARY:-}" ]; then
  { echo '### airlift sweep'; echo '```'; head -c 60000 "$AIRLIFT_OUT/sweep.txt"; echo '```'; } >>"$GITHUB_STEP_SUMMARY"
fi
[ "$code" -le 1 ] || exit "$code" # a wrong flag or file: there are no results
# An annotation for each of the first findings; GitHub shows ten of a step.
level=error
[ "$AIRLIFT_FAIL" != false ] || level=warning
awk -v level="$level" '
  /^[^ ]+  / { name = $1 }
  /^  (brick|stuck|mixed|an invariant broken) in [0-9]+ cases?:/ {
    sub(/^  /, ""); gsub(/%/, "%25")
    if (n++ < 10) print "::" level " title=airlift::" name ": " $0
  }' "$AIRLIFT_OUT/sweep.txt"
findings=false
[ "$code" = 0 ] || findings=true
if [ -n "${GITHUB_OUTPUT:-}" ]; then
  {
    echo "findings=$findings"
    echo "junit=$AIRLIFT_OUT/sweep.xml"
    echo "sarif=$AIRLIFT_OUT/sweep.sarif"
    echo "html=$AIRLIFT_OUT/sweep.html"
  } >>"$GITHUB_OUTPUT"
fi
[ "$AIRLIFT_FAIL" = false ] || exit "$code"
