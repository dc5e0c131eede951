package littlefs

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/spf13/afero"
)

// TestSharedBlocks: files that all claim the same blocks do not make a walk the
// product of both numbers.
func TestSharedBlocks(t *testing.T) {
	const blocks, files = 64, 200
	c := tiny()
	c.BlockCount = blocks
	region := newRegion(t, blocks)
	if err := Format(region, c); err != nil {
		t.Fatal(err)
	}
	fs := mounted(t, region, c)
	if err := afero.WriteFile(fs, "/aaa", bytes.Repeat([]byte{1}, 40*4096), 0o666); err != nil {
		t.Fatal(err)
	}
	for i := range files {
		if err := afero.WriteFile(fs, fmt.Sprintf("/f%03d", i), nil, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	var list []byte
	shared := 0
	err := fs.eachPair(func(m *mdir) (bool, error) {
		cur := &cursor{m: m}
		for id := uint32(0); id < m.count; id++ {
			name, _ := cur.m.find(kindName, id)
			body, ok := cur.m.find(kindStruct, id)
			switch {
			case !ok || name.tag.typ() != typeReg:
			case string(name.data) == "aaa":
				list = bytes.Clone(body.data)
			default:
				if err := fs.commit(cur, record{mktag(typeCTZ, id, uint32(len(list))), list}); err != nil {
					return false, err
				}
				shared++
			}
		}
		return true, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	fs = mounted(t, region, c)
	claimed, given := 0, 0
	if err := fs.Walk(func(e Entry) error {
		claimed += len(e.Blocks)
		if e.Err != nil && errors.Is(e.Err, ErrCorrupt) && strings.Contains(e.Err.Error(), "blocks of all files") {
			given++
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if claimed > 2*blocks || shared < files/2 || given < shared-4 {
		t.Errorf("%d blocks of %d claimed, %d of %d files given up", claimed, blocks, given, shared)
	}
	if problems := fs.Check(); len(problems) < 2 {
		t.Errorf("%v", problems)
	}
}
