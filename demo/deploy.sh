# Stands for a deploy: says what it would do, takes a second, changes nothing. With the argument
# `missing-bucket` it fails the way real deploys fail.
echo "stack $CC_DEVOPS_STACK, version ${PARAM_VERSION:-as before}, request $CC_DEVOPS_REQUEST_ID"
echo "packaging the function"
sleep 1
if [ "${1:-}" = missing-bucket ]; then
    echo "upload failed: the bucket billing-artifacts-$CC_DEVOPS_STAGE does not exist" >&2
    exit 3
fi
echo "done"
