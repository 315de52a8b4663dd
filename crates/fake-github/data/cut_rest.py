"""Cuts from GitHub's description of its REST API what the fake serves: its operations, as JSON Schema.

    cut_rest.py OPENAPI

OPENAPI is generated/api.github.com.json of the npm package @octokit/openapi. Writes rest.json.gz beside this file. Schemas
of answers lose what they require, because the fake gives a part of each object; objects of both kinds lose the freedom to
hold fields that are not described.
"""

import gzip
import json
import pathlib
import sys

OPERATIONS = """
GET /orgs/{org}
GET /orgs/{org}/repos
GET /users/{username}
GET /users/{username}/installation
POST /app/installations/{installation_id}/access_tokens
GET /rate_limit
GET /user
GET /repos/{owner}/{repo}
GET /repos/{owner}/{repo}/actions/runs/{run_id}/jobs
GET /repos/{owner}/{repo}/actions/secrets/public-key
PUT /repos/{owner}/{repo}/actions/secrets/{secret_name}
GET /repos/{owner}/{repo}/actions/workflows
GET /repos/{owner}/{repo}/actions/workflows/{workflow_id}/runs
GET /repos/{owner}/{repo}/automated-security-fixes
PUT /repos/{owner}/{repo}/automated-security-fixes
GET /repos/{owner}/{repo}/branches/{branch}
GET /repos/{owner}/{repo}/branches/{branch}/protection
PUT /repos/{owner}/{repo}/branches/{branch}/protection
GET /repos/{owner}/{repo}/contents/{path}
PUT /repos/{owner}/{repo}/contents/{path}
GET /repos/{owner}/{repo}/git/ref/{ref}
POST /repos/{owner}/{repo}/git/refs
GET /repos/{owner}/{repo}/git/trees/{tree_sha}
GET /repos/{owner}/{repo}/issues
POST /repos/{owner}/{repo}/issues
GET /repos/{owner}/{repo}/issues/{issue_number}
PATCH /repos/{owner}/{repo}/issues/{issue_number}
POST /repos/{owner}/{repo}/issues/{issue_number}/comments
GET /repos/{owner}/{repo}/pulls
POST /repos/{owner}/{repo}/pulls
GET /repos/{owner}/{repo}/rulesets
POST /repos/{owner}/{repo}/rulesets
GET /repos/{owner}/{repo}/vulnerability-alerts
PUT /repos/{owner}/{repo}/vulnerability-alerts
GET /meta
GET /user/{account_id}
GET /orgs/{org}/actions/permissions
PUT /orgs/{org}/actions/permissions
GET /orgs/{org}/actions/permissions/selected-actions
PUT /orgs/{org}/actions/permissions/selected-actions
GET /orgs/{org}/actions/permissions/workflow
PUT /orgs/{org}/actions/permissions/workflow
GET /orgs/{org}/hooks
GET /orgs/{org}/installations
GET /orgs/{org}/members
GET /orgs/{org}/memberships/{username}
GET /orgs/{org}/outside_collaborators
GET /orgs/{org}/properties/schema
GET /orgs/{org}/properties/values
GET /orgs/{org}/rulesets
GET /orgs/{org}/rulesets/{ruleset_id}
GET /orgs/{org}/teams
GET /orgs/{org}/teams/{team_slug}
GET /orgs/{org}/teams/{team_slug}/members
GET /orgs/{org}/teams/{team_slug}/repos
GET /orgs/{org}/teams/{team_slug}/repos/{owner}/{repo}
PUT /orgs/{org}/teams/{team_slug}/repos/{owner}/{repo}
DELETE /orgs/{org}/teams/{team_slug}/repos/{owner}/{repo}
PATCH /repos/{owner}/{repo}
GET /repos/{owner}/{repo}/actions/permissions
PUT /repos/{owner}/{repo}/actions/permissions
GET /repos/{owner}/{repo}/actions/permissions/access
PUT /repos/{owner}/{repo}/actions/permissions/access
GET /repos/{owner}/{repo}/actions/permissions/selected-actions
PUT /repos/{owner}/{repo}/actions/permissions/selected-actions
GET /repos/{owner}/{repo}/actions/permissions/workflow
PUT /repos/{owner}/{repo}/actions/permissions/workflow
GET /repos/{owner}/{repo}/actions/runs
GET /repos/{owner}/{repo}/actions/runs/{run_id}
GET /repos/{owner}/{repo}/actions/runs/{run_id}/attempts/{attempt_number}
GET /repos/{owner}/{repo}/actions/runs/{run_id}/attempts/{attempt_number}/jobs
GET /repos/{owner}/{repo}/actions/secrets
DELETE /repos/{owner}/{repo}/actions/secrets/{secret_name}
GET /repos/{owner}/{repo}/actions/variables
POST /repos/{owner}/{repo}/actions/variables
GET /repos/{owner}/{repo}/actions/variables/{name}
PATCH /repos/{owner}/{repo}/actions/variables/{name}
DELETE /repos/{owner}/{repo}/actions/variables/{name}
GET /repos/{owner}/{repo}/actions/workflows/{workflow_id}
GET /repos/{owner}/{repo}/branches
DELETE /repos/{owner}/{repo}/branches/{branch}/protection
GET /repos/{owner}/{repo}/code-scanning/alerts
GET /repos/{owner}/{repo}/code-scanning/analyses
GET /repos/{owner}/{repo}/code-scanning/default-setup
PATCH /repos/{owner}/{repo}/code-scanning/default-setup
GET /repos/{owner}/{repo}/codeowners/errors
GET /repos/{owner}/{repo}/collaborators
GET /repos/{owner}/{repo}/collaborators/{username}
PUT /repos/{owner}/{repo}/collaborators/{username}
DELETE /repos/{owner}/{repo}/collaborators/{username}
GET /repos/{owner}/{repo}/collaborators/{username}/permission
GET /repos/{owner}/{repo}/commits/{ref}/check-runs
GET /repos/{owner}/{repo}/commits/{ref}/status
GET /repos/{owner}/{repo}/commits/{ref}
GET /repos/{owner}/{repo}/dependabot/alerts
GET /repos/{owner}/{repo}/environments
GET /repos/{owner}/{repo}/environments/{environment_name}
PUT /repos/{owner}/{repo}/environments/{environment_name}
DELETE /repos/{owner}/{repo}/environments/{environment_name}
GET /repos/{owner}/{repo}/environments/{environment_name}/deployment-branch-policies
POST /repos/{owner}/{repo}/environments/{environment_name}/deployment-branch-policies
DELETE /repos/{owner}/{repo}/environments/{environment_name}/deployment-branch-policies/{branch_policy_id}
GET /repos/{owner}/{repo}/environments/{environment_name}/deployment_protection_rules
GET /repos/{owner}/{repo}/git/blobs/{file_sha}
GET /repos/{owner}/{repo}/git/commits/{commit_sha}
GET /repos/{owner}/{repo}/hooks
GET /repos/{owner}/{repo}/hooks/{hook_id}
GET /repos/{owner}/{repo}/keys
DELETE /repos/{owner}/{repo}/keys/{key_id}
GET /repos/{owner}/{repo}/invitations
PATCH /repos/{owner}/{repo}/invitations/{invitation_id}
DELETE /repos/{owner}/{repo}/invitations/{invitation_id}
GET /repos/{owner}/{repo}/labels
POST /repos/{owner}/{repo}/labels
PATCH /repos/{owner}/{repo}/labels/{name}
DELETE /repos/{owner}/{repo}/labels/{name}
GET /repos/{owner}/{repo}/private-vulnerability-reporting
PUT /repos/{owner}/{repo}/private-vulnerability-reporting
GET /repos/{owner}/{repo}/properties/values
GET /repos/{owner}/{repo}/rules/branches/{branch}
GET /repos/{owner}/{repo}/rulesets/{ruleset_id}
PUT /repos/{owner}/{repo}/rulesets/{ruleset_id}
DELETE /repos/{owner}/{repo}/rulesets/{ruleset_id}
GET /repos/{owner}/{repo}/secret-scanning/alerts
GET /repos/{owner}/{repo}/teams
GET /repos/{owner}/{repo}/topics
PUT /repos/{owner}/{repo}/topics
DELETE /repos/{owner}/{repo}/vulnerability-alerts
DELETE /repos/{owner}/{repo}/automated-security-fixes
"""

KEPT = {
    "type", "format", "enum", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "pattern",
    "uniqueItems", "minProperties", "maxProperties",
}


def corrected(document):
    """Says what GitHub does where its description says something else."""
    protection = document["paths"]["/repos/{owner}/{repo}/branches/{branch}/protection"]["put"]["requestBody"]
    checks = protection["content"]["application/json"]["schema"]["properties"]["required_status_checks"]
    # Either list, never both: https://github.com/ossf/allstar/issues/155 and https://github.com/google/go-github/issues/2976.
    checks["required"] = ["strict"]
    checks["oneOf"] = [{"required": ["contexts"]}, {"required": ["checks"]}]
    # Owners of an enterprise may be let past: https://github.com/integrations/terraform-provider-github/issues/3487.
    actor = document["components"]["schemas"]["repository-ruleset-bypass-actor"]["properties"]["actor_type"]
    actor["enum"].append("EnterpriseOwner")
    return document


class Cut:
    def __init__(self, document):
        self.document = document
        self.schemas = {}

    def at(self, reference):
        found = self.document
        for key in reference.removeprefix("#/").split("/"):
            found = found[key]
        return found

    def resolved(self, part):
        return self.at(part["$ref"]) if "$ref" in part else part

    def schema(self, schema, ours, part_of_all=False):
        """As JSON Schema 2020-12. `ours` says that it is of what a client sends, which must be whole."""
        if "$ref" in schema:
            name = schema["$ref"].rsplit("/", 1)[1] + ("" if ours else "-given") + ("-part" if part_of_all else "")
            if name not in self.schemas:
                self.schemas[name] = {}
                self.schemas[name] = self.schema(self.at(schema["$ref"]), ours, part_of_all)
            return {"$ref": f"#/$defs/{name}"}
        cut = {key: value for key, value in schema.items() if key in KEPT}
        for several in ("allOf", "anyOf", "oneOf"):
            if several in schema:
                within = part_of_all or several == "allOf"
                parts = [self.schema(each, ours, within) for each in schema[several]]
                # One of several that lost what they require can be more than one of them.
                cut[several if ours or several == "allOf" else "anyOf"] = parts
        if "items" in schema:
            cut["items"] = self.schema(schema["items"], ours)
        if "not" in schema and ours:
            cut["not"] = self.schema(schema["not"], ours)
        if ours and "required" in schema:
            cut["required"] = schema["required"]
        if schema.get("properties"):
            cut["properties"] = {name: self.schema(each, ours) for name, each in schema["properties"].items()}
        more = schema.get("additionalProperties")
        if isinstance(more, dict):
            cut["additionalProperties"] = self.schema(more, ours)
        elif more is None and "properties" in cut and not part_of_all and not {"allOf", "anyOf", "oneOf"} & schema.keys():
            cut["additionalProperties"] = False
        elif more is False:
            cut["additionalProperties"] = False
        if schema.get("nullable"):
            cut = {"anyOf": [cut, {"type": "null"}]}
        return cut

    def content(self, part, ours):
        """The schema of a JSON body, if there is one."""
        media = part.get("content", {})
        media = media.get("application/json") or media.get("application/vnd.github.object")
        return None if media is None else self.schema(media["schema"], ours)

    def operation(self, path, method):
        item = self.document["paths"][path]
        described = item[method]
        query = {}
        for parameter in item.get("parameters", []) + described.get("parameters", []):
            parameter = self.resolved(parameter)
            if parameter["in"] == "query":
                query[parameter["name"]] = self.schema(parameter["schema"], True)
        cut = {"method": method.upper(), "path": path, "query": query, "answers": {}}
        body = self.resolved(described.get("requestBody", {}))
        if body:
            cut["body"] = self.content(body, True)
            cut["body_required"] = body.get("required", False)
        for status, answer in described["responses"].items():
            cut["answers"][status] = self.content(self.resolved(answer), False)
        return cut


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    cut = Cut(corrected(json.loads(pathlib.Path(sys.argv[1]).read_bytes())))
    operations = []
    for line in OPERATIONS.split("\n")[1:-1]:
        method, path = line.split(" ")
        operations.append(cut.operation(path, method.lower()))
    text = json.dumps({"operations": operations, "$defs": cut.schemas}, separators=(",", ":"), sort_keys=True)
    packed = gzip.compress(text.encode(), compresslevel=9, mtime=0)
    (pathlib.Path(__file__).parent / "rest.json.gz").write_bytes(packed)
    print(f"{len(operations)} operations, {len(text):,} bytes, packed {len(packed):,}")


if __name__ == "__main__":
    main()
