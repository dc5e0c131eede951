package atmodem

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
)

// bench is a modem with a clock of its own.
type bench struct {
	*Modem
	now    time.Duration
	due    []*timer
	said   strings.Builder
	sim    *SIM
	cells  []Cell
	net    Network
	asked  []string
	inbox  []SMS
	sent   []SMS
	cause  int
	unix   time.Time
	resets int
}

type timer struct {
	at time.Duration
	fn func()
}

func newBench() *bench {
	b := &bench{
		sim:   &SIM{ICCID: "89860012345678901234", IMSI: "460001234567890", Number: "+8613800138000", APN: "cmnet"},
		cells: []Cell{{MCC: 460, MNC: 0, TAC: 0x18be, ECI: 0x93e1, RSSI: -63, RSRP: -90, RSRQ: -9}, {MCC: 460, MNC: 0, TAC: 1, ECI: 2, RSRP: -100}},
		net:   Network{Register: 2 * time.Second},
		unix:  time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
	}
	b.Modem = New(Config{
		IMEI: "860000000000001", MUID: "M1", Model: "Air724UG", Version: "Luat_V0030_RDA8910",
		SIM: func() *SIM { return b.sim }, Cells: func() []Cell { return b.cells }, Network: func() Network { return b.net },
		Address: func() (string, bool) { return "10.1.2.3", true },
		After: func(d time.Duration, fn func()) func() {
			t := &timer{b.now + d, fn}
			b.due = append(b.due, t)
			return func() { t.fn = nil }
		},
		Now: func() time.Time { return b.unix }, SetNow: func(t time.Time) { b.unix = t },
		Say:     func(s string) { b.said.WriteString(s) },
		Unknown: func(name string) { b.asked = append(b.asked, name) },
		TakeSMS: func() (SMS, bool) {
			if len(b.inbox) == 0 {
				return SMS{}, false
			}
			s := b.inbox[0]
			b.inbox = b.inbox[1:]
			return s, true
		},
		SendSMS: func(s SMS) int { b.sent = append(b.sent, s); return b.cause },
		Off:     func() {}, Reset: func() { b.resets++ },
	})
	return b
}

// run lets d pass and returns what the modem said.
func (b *bench) run(d time.Duration) string {
	end := b.now + d
	for {
		i := -1
		for k, t := range b.due {
			if t.at <= end && (i < 0 || t.at < b.due[i].at) {
				i = k
			}
		}
		if i < 0 {
			break
		}
		t := b.due[i]
		b.due = slices.Delete(b.due, i, i+1)
		b.now = max(b.now, t.at)
		if t.fn != nil {
			t.fn()
		}
	}
	b.now = end
	out := b.said.String()
	b.said.Reset()
	return strings.ReplaceAll(out, "\r\n", "|")
}

func (b *bench) ask(command string) string {
	b.Write(command + "\r")
	return b.run(2 * time.Second)
}

// TestStart is the way from power-on to a network.
func TestStart(t *testing.T) {
	b := newBench()
	b.Start()
	if got := b.run(time.Second); got != "RDY|+CPIN: READY|" {
		t.Errorf("at the start: %q", got)
	}
	for _, c := range []string{"+CREG", "+CGREG", "+CEREG"} {
		b.Write("AT" + c + "=2\r")
	}
	want := `OK|OK|OK|+CREG: 1,"18be","000093e1",7|+CGREG: 1,"18be","000093e1",7|+CEREG: 1,"18be","000093e1",7|SMS READY|`
	if got := b.run(5 * time.Second); got != want {
		t.Errorf("registration: %q\nwant %q", got, want)
	}
}

func TestNoNetwork(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(b *bench)
		start  string
		creg   string
	}{
		{"no card", func(b *bench) { b.sim = nil }, "RDY|+CPIN: NOT INSERTED|", "+CREG: 0,0|OK|"},
		{"PIN", func(b *bench) { b.sim.PIN = "1234" }, "RDY|+CPIN: SIM PIN|", "+CREG: 0,0|OK|"},
		{"no cell", func(b *bench) { b.cells = nil }, "RDY|+CPIN: READY|", "+CREG: 0,2|OK|"},
		{"rejected", func(b *bench) { b.cells[0].Rejects = true }, "RDY|+CPIN: READY|", "+CREG: 0,3|OK|"},
		{"roaming", func(b *bench) { b.net.Roaming = true }, "RDY|+CPIN: READY|SMS READY|", "+CREG: 0,5|OK|"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench()
			tt.change(b)
			b.Start()
			if got := b.run(10 * time.Second); got != tt.start {
				t.Errorf("said %q, want %q", got, tt.start)
			}
			if got := b.ask("AT+CREG?"); got != tt.creg {
				t.Errorf("registration %q, want %q", got, tt.creg)
			}
		})
	}
}

func TestCommands(t *testing.T) {
	for _, tt := range []struct{ ask, want string }{
		{"ATE0", "OK|"},
		{"AT", "OK|"},
		{"ATI", "AirM2M|Air724UG|Luat_V0030_RDA8910|OK|"},
		{"AT+CMEE=0", "OK|"},
		{"AT+CGSN", "860000000000001|OK|"},
		{`AT+WISN="S1"`, "OK|"},
		{"AT+WISN?", "S1|OK|"},
		{"AT+CGMM", `+CGMM: "Air724UG"|OK|`},
		{"AT+MUID?", "+MUID: M1|OK|"},
		{"AT+ICCID", "+ICCID: 89860012345678901234|OK|"},
		{"AT+CIMI", "460001234567890|OK|"},
		{"AT+CNUM", `+CNUM: "","+8613800138000",145|OK|`},
		{"AT+CSQ", "+CSQ: 25,99|OK|"},
		{"AT+CESQ", "+CESQ: 99,99,255,255,22,51|OK|"},
		{"AT+COPS?", `+COPS: 0,2,"46000",7|OK|`},
		{"AT+CEREG=2", "OK|"},
		{"AT+CEREG?", `+CEREG: 2,1,"18be","000093e1",7|OK|`},
		{"AT+CGATT?", "+CGATT: 1|OK|"},
		{"AT+CGDCONT?", `+CGDCONT: 1,"IP","cmnet","10.1.2.3",0,0|OK|`},
		{`AT+CGDCONT=5,"IP","CMIOT"`, "OK|"},
		{"AT+CGACT=1,5", "OK|"},
		{"AT+CGACT?", "+CGACT: 1,1|+CGACT: 5,1|OK|"},
		{"AT+CGPADDR=1", `+CGPADDR: 1,"10.1.2.3"|OK|`},
		{`AT+CCLK="27/02/03,04:05:06+32"`, "OK|"},
		{"AT+CCLK?", `+CCLK: "27/02/03,04:05:06+32"|OK|`},
		{"AT+CCLK=\"x\"", "ERROR|"},
		{`AT+CCLK="27/02/03,04:05:06-48"`, "OK|"},
		{`AT+CCLK="27/02/03,04:05:06+56"`, "OK|"},
		{`AT+CCLK="27/02/03,04:05:06-49"`, "ERROR|"},
		{`AT+CCLK="27/02/03,04:05:06+57"`, "ERROR|"},
		{"AT+EEMGINFO?", "+EEMLTESVC: 1120, 2, 0, 6334, 0, 0, 0, 5, 5, 37857, 51, 22, 0, 0, 51, 0, 0|+EEMLTEINTRA: 0, 0, 0, 41, 40, 1120, 0, 1, 2|OK|"},
		{"AT+EEMOPT=1", "OK|"},
		{"AT+RNDISCALL=0,1", "OK|"},
		{"AT+CFUN?", "+CFUN: 1|OK|"},
		{"AT+CFUN=0", "OK|+CEREG: 0|"},
		{"AT+CSQ", "+CSQ: 99,99|OK|"},
		{"AT+CFUN=1", "OK|+CEREG: 2|"},
		{"AT+SIMCROSS?", "+SIMCROSS: 0|OK|"},
		{"AT+CMGR=1", "ERROR|"},
		{"AT+CMEE=1", "OK|"},
		{"AT+CMGR=1", "+CMS ERROR: 321|"},
		{"AT+NOSUCH=1", "ERROR|"},
		{"AT+CSQ=?", "OK|"},
		{"AT+CREG=9", "+CME ERROR: 50|"},
	} {
		b := commandBench(t)
		for _, c := range []string{`AT+WISN="S1"`, `AT+CGDCONT=5,"IP","CMIOT"`, "AT+CGACT=1,5", "AT+CEREG=2"} {
			b.ask(c)
		}
		switch tt.ask {
		case "AT+CCLK?":
			b.ask(`AT+CCLK="27/02/03,04:05:06+32"`)
		case "AT+CGDCONT?":
			b = commandBench(t)
		}
		if strings.Contains(tt.want, "+CM") && strings.Contains(tt.want, "ERROR") {
			b.ask("AT+CMEE=1")
		}
		if tt.ask == "AT+CSQ" && strings.Contains(tt.want, "99,99") || tt.ask == "AT+CFUN=1" {
			b.ask("AT+CFUN=0")
		}
		if got := b.ask(tt.ask); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.ask, got, tt.want)
		}
		if unknown := tt.ask == "AT+NOSUCH=1"; unknown != (len(b.asked) > 0) {
			t.Errorf("%s: reported as unknown: %q", tt.ask, b.asked)
		}
	}
}

// commandBench is a registered modem.
func commandBench(t *testing.T) *bench {
	t.Helper()
	b := newBench()
	b.Start()
	if b.run(10 * time.Second); !b.Registered() {
		t.Fatal("not registered")
	}
	return b
}

// TestSMS sends and receives in PDU mode. The PDU to send is one that the
// script library sms.lua makes: UCS-2 to +8613800138000.
func TestSMS(t *testing.T) {
	b := commandBench(t)
	if got := b.ask("AT+CMGS=19"); got != "> " {
		t.Fatalf("prompt %q", got)
	}
	b.Write("0011000D91683108108300F0000800" + "04" + "4F60597D" + "\x1a")
	if got := b.run(3 * time.Second); got != "+CMGS: 1|OK|" {
		t.Errorf("sent: %q", got)
	}
	if len(b.sent) != 1 || b.sent[0] != (SMS{"+8613800138000", "你好"}) {
		t.Errorf("the network got %q", b.sent)
	}
	b.inbox = []SMS{{"+8613800138000", "hi你"}}
	b.SMSArrived()
	if got := b.run(0); got != `+CMTI: "SM",1|` {
		t.Errorf("arrival: %q", got)
	}
	want := "+CMGR: 0,,26|00040D91683108108300F000086210201140502306006800694F60|OK|"
	if got := b.ask("AT+CMGR=1"); got != want {
		t.Errorf("read: %q, want %q", got, want)
	}
	if got := b.ask("AT+CPMS?"); got != `+CPMS: "SM",1,50,"SM",1,50,"SM",1,50|OK|` {
		t.Errorf("storage: %q", got)
	}
	if got := b.ask("AT+CMGD=1"); got != "OK|" {
		t.Errorf("delete: %q", got)
	}
	b.ask("AT+CMGS=5")
	b.Write("zz\x1a")
	if got := b.run(3 * time.Second); got != "ERROR|" {
		t.Errorf("a broken PDU: %q", got)
	}
}

// TestSeptets reads the alphabet of 7 bits: the example of 3GPP TS 23.038
// packs "hellohello" into E8329BFD4697D9EC37.
func TestSeptets(t *testing.T) {
	p, _ := hex.DecodeString("E8329BFD4697D9EC37")
	if s, err := decodeText(p, 10, 0, false); s != "hellohello" || err != nil {
		t.Errorf("%q, %v", s, err)
	}
}

// TestAlphabet reads every character of 7 bits, and those behind the escape
// sign.
func TestAlphabet(t *testing.T) {
	var all []byte
	for c := range byte(128) {
		if c != escapeSign {
			all = append(all, c)
		}
	}
	for _, tt := range []struct {
		septets []byte
		want    string
	}{
		{[]byte{0x00, 0x02, 0x11, 0x24, 0x40, 0x5B, 0x7F}, "@$_¤¡Äà"},
		{[]byte{0x1B, 0x3C, 'a', 0x1B, 0x3E, 0x1B, 0x65, 0x1B, 'x'}, "[a]€x"},
		{all, strings.Replace(string(septets), "\x1b", "", 1)},
	} {
		if s, err := decodeText(packSeptets(tt.septets), len(tt.septets), 0, false); s != tt.want || err != nil {
			t.Errorf("% X: %q, want %q: %v", tt.septets, s, tt.want, err)
		}
	}
	if len(septets) != 128 {
		t.Errorf("%d characters", len(septets))
	}
}

func packSeptets(list []byte) []byte {
	out := make([]byte, (len(list)*7+7)/8)
	for i, c := range list {
		for bit := range 7 {
			out[(7*i+bit)/8] |= c >> bit & 1 << ((7*i + bit) % 8)
		}
	}
	return out
}

// TestLongSMS: a message that does not fit into one PDU comes in parts, also
// when the card is full in between.
func TestLongSMS(t *testing.T) {
	b := commandBench(t)
	text := strings.Repeat("你", partMax-1) + "😀" + strings.Repeat("x", 2*partMax)
	for range storeMax - 2 {
		b.inbox = append(b.inbox, SMS{"10086", strings.Repeat("y", aloneMax)})
	}
	b.inbox = append(b.inbox, SMS{"10086", text})
	b.SMSArrived()
	if got := strings.Count(b.run(0), "+CMTI"); got != storeMax {
		t.Fatalf("%d messages on the card", got)
	}
	var got []uint16
	places := []int{storeMax - 1, storeMax, 3, 4}
	for i, at := range places {
		if at < storeMax-1 {
			if answer := b.ask(fmt.Sprintf("AT+CMGD=%d", at)); answer != fmt.Sprintf("+CMTI: \"SM\",%d|OK|", at) {
				t.Errorf("room for a part: %q", answer)
			}
		}
		lines := strings.Split(b.ask(fmt.Sprintf("AT+CMGR=%d", at)), "|")
		p, err := hex.DecodeString(lines[1])
		if err != nil {
			t.Fatal(err)
		}
		const head = 4 + 3 + 2 + 7 // up to the length of the text
		ud := p[head:]
		if p[1] != 0x44 || int(ud[0]) != len(ud)-1 || ud[0] > 140 || !slices.Equal(ud[1:7], []byte{5, 0, 3, 1, byte(len(places)), byte(i + 1)}) {
			t.Fatalf("part %d: % X", i+1, p)
		}
		for u := ud[7:]; len(u) > 0; u = u[2:] {
			got = append(got, uint16(u[0])<<8|uint16(u[1]))
		}
		if last := got[len(got)-1]; last&0xFC00 == 0xD800 {
			t.Errorf("part %d ends within a character", i+1)
		}
	}
	if string(utf16.Decode(got)) != text {
		t.Errorf("parts make %q", string(utf16.Decode(got)))
	}
}

// TestNoCellWhileRegistered asks in the moment between the loss of all cells
// and the modem's notice of it.
func TestNoCellWhileRegistered(t *testing.T) {
	b := commandBench(t)
	b.ask("AT+CREG=2")
	b.cells = nil
	b.CellsChanged()
	b.Modem.run("AT+CREG?")
	b.Modem.run("AT+COPS?")
	if got := b.said.String(); got != "+CREG: 2,1\r\nOK\r\n+COPS: 0\r\nOK\r\n" {
		t.Errorf("%q", got)
	}
}

// TestContexts switches one context, all, and none.
func TestContexts(t *testing.T) {
	b := commandBench(t)
	b.ask(`AT+CGDCONT=2,"IP","a"`)
	b.ask(`AT+CGDCONT=3,"IP","b"`)
	for _, tt := range []struct{ ask, want string }{
		{"AT+CGACT=1,3", "OK|"},
		{"AT+CGACT?", "+CGACT: 1,1|+CGACT: 2,0|+CGACT: 3,1|OK|"},
		{"AT+CGACT=1", "OK|"},
		{"AT+CGACT?", "+CGACT: 1,1|+CGACT: 2,1|+CGACT: 3,1|OK|"},
		{"AT+CGACT=0,9", "ERROR|"},
		{"AT+CGACT=0,x", "ERROR|"},
	} {
		if got := b.ask(tt.ask); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.ask, got, tt.want)
		}
	}
	if len(b.active) != 2 {
		t.Errorf("contexts %v", b.active)
	}
}

// TestLateEscape leaves a prompt behind a line that is too long.
func TestLateEscape(t *testing.T) {
	b := commandBench(t)
	b.ask("AT+CMGS=19")
	b.Write(strings.Repeat("0", commandMax+1) + "\x1b")
	if got := b.run(time.Second) + b.ask("AT+CSQ"); got != "OK|+CSQ: 25,99|OK|" {
		t.Errorf("%q", got)
	}
}

// TestWaiting asks faster than the modem answers.
func TestWaiting(t *testing.T) {
	b := commandBench(t)
	for range 5 {
		b.Write("AT+CSQ\r")
	}
	if got := b.run(time.Second); got != strings.Repeat("+CSQ: 25,99|OK|", 5) {
		t.Errorf("%q", got)
	}
}

// TestLimits sends too much.
func TestLimits(t *testing.T) {
	b := commandBench(t)
	b.Write("AT+CSQ" + strings.Repeat(" ", commandMax) + "\rAT+CSQ\r")
	if got := b.run(time.Second); got != "ERROR|+CSQ: 25,99|OK|" {
		t.Errorf("a long line: %q", got)
	}
	b.Write(strings.Repeat("AT\r", queueMax+2))
	if got := strings.Count(b.run(time.Minute), "OK|"); got != queueMax+1 {
		t.Errorf("%d answers", got)
	}
	if want := []string{"a line of more than 2048 bytes", "a command while 100 wait"}; !slices.Equal(b.asked, want) {
		t.Errorf("reported %q, want %q", b.asked, want)
	}
}

func FuzzModem(f *testing.F) {
	for _, s := range []string{"AT+CMGS=19\r0011000D91683108108300F00008000\x1a", "AT\r", "AT+CREG=2\rAT+CREG?\r", "AT+CGDCONT=1,\r", "A/\r\n", "AT+CFUN=0\r"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		b := newBench()
		b.Start()
		b.run(10 * time.Second)
		b.Write(s)
		b.run(time.Minute)
		for _, end := range []string{"\x1b", "\r", "\x1b"} {
			if end == "\r" || b.prompt != nil {
				b.Write(end)
				b.run(time.Minute)
			}
		}
		if got := b.ask("AT+CGMM"); !strings.HasSuffix(got, fmt.Sprintf("+CGMM: %q|OK|", "Air724UG")) {
			t.Errorf("after %q the modem says %q", s, got)
		}
	})
}
