package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// script is a program that prints lines and, after each that is an order, notes the answer.
type script struct {
	lines   []string
	answers *[]string
	fails   error
}

func (s script) start(_ context.Context, args []string, answers io.Reader) (io.Reader, func() error, error) {
	out, in := io.Pipe()
	go func() {
		defer in.Close()
		replies := bufio.NewReader(answers)
		for _, l := range s.lines {
			if _, err := fmt.Fprintln(in, strings.ReplaceAll(l, "ROOT", args[2])); err != nil {
				return
			}
			if strings.HasPrefix(l, "@") {
				reply, _ := replies.ReadString('\n')
				*s.answers = append(*s.answers, strings.TrimSpace(reply))
			}
		}
	}()
	return out, func() error { out.Close(); return s.fails }, nil
}

func TestConversation(t *testing.T) {
	var answers []string
	s := script{answers: &answers, lines: []string{
		"path: ROOT/a", "@cut", "@hold", "@release", "@negotiated", "colon: a: b", "empty: ",
	}}
	got, err := runProgram(t.Context(), s, "127.0.0.1:1", "/interop-7", false)
	require.NoError(t, err)
	require.Equal(t, lines("path", "/i/a", "colon", "a: b", "empty", ""), got)
	require.Equal(t, []string{"ok", "ok", "ok", "0"}, answers)
}

func TestProgramsThatGoWrong(t *testing.T) {
	for complaint, printed := range map[string][]string{
		`printed "no result"`:      {"a: 1", "no result"},
		`printed "a: 2"`:           {"a: 1", "a: 2"},
		"@jump: no such order":     {"a: 1", "@jump"},
		"no session 0x77 has":      {"a: 1", "@expire 77"},
		"@expire xyz: strconv":     {"a: 1", "@expire xyz"},
		"it fell over":             {"a: 1"},
		"@expire ffffffffffffffff": {"a: 1", "@expire ffffffffffffffff"},
	} {
		var answers []string
		s := script{lines: printed, answers: &answers}
		if complaint == "it fell over" {
			s.fails = fmt.Errorf("it fell over")
		}
		got, err := runProgram(t.Context(), s, "127.0.0.1:1", "/r", false)
		require.ErrorContains(t, err, complaint)
		require.Equal(t, lines("a", "1"), got, "what came before is not lost")
	}
}

func TestCommand(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("needs a shell")
	}
	c := command{args: []string{"sh", "-c", `echo "args: $1 $2 $3 $4"; echo @cut; read reply; echo "reply: $reply $MORE"; exit $CODE`, "sh"},
		env: []string{"MORE=more", "CODE=0"}}
	got, err := runProgram(t.Context(), c, "127.0.0.1:1", "/r", true)
	require.NoError(t, err)
	require.Regexp(t, `^127.0.0.1:\d+ 127.0.0.1:1 /i reaper$`, got[0].Result)
	require.Equal(t, line{"reply", "ok more"}, got[1])

	c.args[2] = "echo why >&2; exit 3"
	_, err = runProgram(t.Context(), c, "127.0.0.1:1", "/r", true)
	require.EqualError(t, err, "exit status 3\nwhy")
}

func TestCommandThatHangs(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("needs a shell")
	}
	ctx, cancel := context.WithCancel(t.Context())
	c := command{args: []string{"sh", "-c", "echo a: 1; read forever"}}
	done := make(chan error, 1)
	go func() {
		_, err := runProgram(ctx, c, "127.0.0.1:1", "/r", false)
		done <- err
	}()
	cancel()
	require.Error(t, <-done)
}
