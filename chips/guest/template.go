package guest

import (
	"embed"
	"fmt"

	"airlift/chips/guest/guests"
)

//go:embed template/boot.c template/board.yaml
var templateFiles embed.FS

// TemplateFile is a file of a new guest's folder.
type TemplateFile struct {
	Name string
	Data []byte
}

// Template returns the files to begin with: the header of the interface, boot
// code in C and a board file.
func Template() []TemplateFile {
	files := []TemplateFile{{"airlift.h", guests.Header}}
	for _, name := range []string{"boot.c", "board.yaml"} {
		data, err := templateFiles.ReadFile("template/" + name)
		if err != nil {
			panic(fmt.Sprintf("guest: %v", err)) // they are part of the program
		}
		files = append(files, TemplateFile{name, data})
	}
	return files
}
