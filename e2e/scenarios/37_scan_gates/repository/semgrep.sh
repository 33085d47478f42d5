cat <<'EOF'
{"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "recorded", "rules": [{"id": "no-eval", "defaultConfiguration": {"level": "error"}}]}}, "results": [{"ruleId": "no-eval", "message": {"text": "eval of input"}, "locations": [{"physicalLocation": {"artifactLocation": {"uri": "src/a.js"}, "region": {"startLine": 3}}}]}]}]}
EOF
