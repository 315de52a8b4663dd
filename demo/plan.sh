# Stands for what says beforehand what a deploy will change, as `terraform plan` does: the table `tickets` under
# another key than now is another table, and takes the place of the one with the data. It changes nothing.
set -eu
key="${DEMO_FOLDER:?is where the demo keeps the key}/$CC_DEVOPS_STACK.key"
now=$(cat "$key" 2>/dev/null || true)
then=${PARAM_KEY:-$now}
table='"path": "tickets", "resourceType": "AWS::DynamoDB::Table"'
if [ "$now" = "$then" ]; then
    changes=
elif [ -z "$now" ]; then
    changes="{$table, \"action\": \"Add\"}"
else
    changes="{$table, \"action\": \"Modify\", \"replacement\": \"yes\", \"policyAction\": \"ReplaceAndDelete\",
      \"properties\": [{\"path\": \"/Properties/KeySchema\", \"before\": \"$now\", \"after\": \"$then\"}]}"
fi
echo "{\"changes\": [$changes]}" > "$CC_DEVOPS_PLAN_FILE"
