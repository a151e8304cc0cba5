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
	lines[heading] = lines[heading] sprintf("  %-30s %s\n", name, folded(text))
}
# On a terminal, whose columns are then known, a text goes on below itself.
function folded(text,    words, number, i, room, line, all) {
	room = columns - 34
	if (room < 20 || length(text) <= room) return text
	number = split(text, words, " ")
	for (i = 1; i <= number; i++) {
		if (line != "" && length(line) + 1 + length(words[i]) > room) {
			all = all line sprintf("\n%33s", ""); line = ""
		}
		line = line (line == "" ? "" : " ") words[i]
	}
	return all line
}
END {
	for (i = 1; i <= headings; i++) printf "%s%s\n%s", (i > 1 ? "\n" : ""), order[i], lines[order[i]]
}
