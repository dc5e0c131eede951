package sweep

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"airlift/chips"
)

// A case of a sweep depends on files of the user's: boot code, board file. Their
// hashes are part of the scenario and of its IDs, so that a replay with other
// files is refused, by the name of the file. An SPI flash that was added to the
// board is told with them, though it is no file.

// Use notes the user's own files of the chip, or compares them with those that
// the scenario was swept with.
func (s *Scenario) Use(c *chips.Chip) error {
	if err := s.load(); err != nil {
		return err
	}
	files := append(ownFiles(c), s.own.list...)
	if len(s.Files) == 0 {
		s.Files = files
		return nil
	}
	for i := range max(len(files), len(s.Files)) {
		was, is := at(s.Files, i), at(files, i)
		if was == is {
			continue
		}
		switch {
		case is == "":
			return fmt.Errorf("scenario %s was swept with %s: name it with --boot, --chip-file, --layout or --spi-flash, or in the scenario", s.Name, shortFile(was))
		case was == "":
			return fmt.Errorf("scenario %s was swept without %s", s.Name, shortFile(is))
		}
		return fmt.Errorf("scenario %s was swept with %s, and this is %s: another file", s.Name, shortFile(was), shortFile(is))
	}
	return nil
}

func at(list []string, i int) string {
	if i < len(list) {
		return list[i]
	}
	return ""
}

// ownFiles are the user's files of a chip. One that has several roles is there
// once.
func ownFiles(c *chips.Chip) (out []string) {
	var done []chips.OwnFile
	for _, f := range c.Files {
		same := func(g chips.OwnFile) bool { return bytes.Equal(f.Sum[:], g.Sum[:]) }
		if i := slices.IndexFunc(done, same); i >= 0 {
			done[i].Role += " and " + f.Role
			continue
		}
		done = append(done, f)
	}
	for _, f := range done {
		out = append(out, fmt.Sprintf("%s %s@%x", f.Role, f.Name, f.Sum))
	}
	if f := c.SPI; f != nil {
		text := fmt.Sprintf("SPI flash of %d bytes on bus %d with chip select %d", f.Size, f.Bus, f.CS)
		out = append(out, fmt.Sprintf("%s@%x", text, sha256.Sum256([]byte(text))))
	}
	return out
}

// sumDigits is how much of a file's hash an ID shows.
const sumDigits = 6

// shortSum is the beginning of the hash of a file of the scenario.
func shortSum(file string) string {
	sum := file[strings.LastIndexByte(file, '@')+1:]
	return sum[:min(sumDigits, len(sum))]
}

// shortFile is a file of the scenario for people.
func shortFile(file string) string {
	return fmt.Sprintf("%s (sha256 %s...)", file[:max(0, strings.LastIndexByte(file, '@'))], shortSum(file))
}

// Check reports an ID of another scenario than s, or one that was found with
// other files.
func (id ID) Check(s *Scenario) error {
	now := s.Digest()
	if id.Digest == "" || id.Digest == now {
		return nil
	}
	was, is := strings.Split(id.Digest, "-"), strings.Split(now, "-")
	if was[0] == is[0] && len(was) == len(is) {
		for i, f := range s.Files {
			if was[i+1] != is[i+1] {
				return fmt.Errorf("%s was found with another file in the place of %s: its sha256 begins with %s", id, shortFile(f), was[i+1])
			}
		}
	}
	return fmt.Errorf("%s is of another scenario: %s is %s now. The flags of the sweep, or its results file, are needed too", id, s.Name, now)
}
