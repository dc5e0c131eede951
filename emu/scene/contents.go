package scene

import (
	"go.yaml.in/yaml/v3"
)

// contentsTag marks a node that holds what is in a file, not its name.
const contentsTag = "!contents"

// fileLoader puts the contents of files in the place of their names: of the
// values of every key "file".
type fileLoader struct {
	read func(name string) ([]byte, error)
	all  []byte
}

func (f *fileLoader) load(n *yaml.Node) {
	for i, child := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 1 && n.Content[i-1].Value == "file" {
			f.replace(child)
			continue
		}
		f.load(child)
	}
}

func (f *fileLoader) replace(n *yaml.Node) {
	name := text(n, "file")
	if f.read == nil {
		fail(n, "file: %q: this scene was not read from a folder", name)
	}
	p, err := f.read(name)
	if err != nil {
		fail(n, "file: %v", err)
	}
	if f.all = append(f.all, p...); len(f.all) > filesMost {
		fail(n, "file: more than %d bytes in all", filesMost)
	}
	n.Value, n.Tag = string(p), contentsTag
}

// readContents is what is in the file that a key named.
func readContents(n *yaml.Node, what string) []byte {
	if n.Tag != contentsTag {
		fail(n, "%s: %s, expected the name of a file", what, kindName(n))
	}
	return []byte(n.Value)
}
