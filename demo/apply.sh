# Stands for a deploy that carries out a plan, as `terraform apply FILE` does: it is given the very file that was
# approved. All it changes is a file that remembers the table's key.
set -eu
grep -q '"changes"' "$CC_DEVOPS_PLAN_FILE"
echo "stack $CC_DEVOPS_STACK: the table tickets has the key $PARAM_KEY now"
echo "$PARAM_KEY" > "${DEMO_FOLDER:?is where the demo keeps the key}/$CC_DEVOPS_STACK.key"
