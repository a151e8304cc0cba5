# Prints "target  text" for every line `target: ... ## text`, and `## shown: text` lines as they
# are, under the headings given by `##@ Heading`; files in the order Make reads them.
/^##@ / { heading = substr($0, 5); next }
/^## [^ ]+.*: / && !/^##@/ {
	line = substr($0, 4); at = index(line, ": ")
	add(substr(line, 1, at - 1), substr(line, at + 2)); next
}
/^[a-zA-Z0-9_%.-]+( [a-zA-Z0-9_%.-]+)*:.*## / {
	name = $0; sub(/:.*/, "", name); text = $0; sub(/.*## /, "", text); add(name, text)
}
function add(name, text) {
	if (!(heading in seen)) { seen[heading] = 1; order[++headings] = heading }
	lines[heading] = lines[heading] sprintf("  %-34s %s\n", name, text)
}
END {
	for (i = 1; i <= headings; i++) printf "%s%s\n%s", (i > 1 ? "\n" : ""), order[i], lines[order[i]]
}
