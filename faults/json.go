package faults

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/zksim/zksim/zkapi"
)

// jsonPlan and jsonRule are the JSON form: the words of the text form as
// strings, counts as numbers.
type jsonPlan struct {
	Seed  uint64 `json:"seed,omitzero"`
	Rules []Rule `json:"rules"`
}

type jsonRule struct {
	Action     Action       `json:"action"`
	Point      Point        `json:"point,omitzero"`
	Delay      jsonDuration `json:"delay,omitzero"`
	Code       jsonCode     `json:"code,omitzero"`
	Rate       int          `json:"bytesPerSecond,omitzero"`
	Way        Way          `json:"way,omitzero"`
	Operations []string     `json:"operations,omitempty"`
	Path       string       `json:"path,omitzero"`
	Client     string       `json:"client,omitzero"`
	Session    jsonSession  `json:"session,omitzero"`
	Nth        int          `json:"nth,omitzero"`
	Every      int          `json:"every,omitzero"`
	Percent    float64      `json:"percent,omitzero"`
	From       jsonDuration `json:"from,omitzero"`
	To         jsonDuration `json:"to,omitzero"`
	Times      int          `json:"times,omitzero"`
}

// MarshalJSON is the rule as a JSON object.
func (r Rule) MarshalJSON() ([]byte, error) {
	return json.Marshal(jsonRule{r.Action, r.Point, jsonDuration(r.Delay), jsonCode(r.Code), r.Rate, r.Way,
		r.Operations, r.Path, r.Client, jsonSession(r.Session), r.Nth, r.Every, r.Percent,
		jsonDuration(r.From), jsonDuration(r.To), r.Times})
}

// UnmarshalJSON reads a JSON object, or a string with a rule in the text form.
func (r *Rule) UnmarshalJSON(b []byte) error {
	if text, ok, err := jsonText(b); ok {
		if err != nil {
			return err
		}
		_, rules, err := parseText(text)
		if err != nil {
			return err
		}
		if len(rules) != 1 {
			return fmt.Errorf("faults: want one rule in a string, not %d", len(rules))
		}
		*r = rules[0]
		return nil
	}
	var j jsonRule
	if err := strict(b, &j); err != nil {
		return err
	}
	if j.Action == Error && j.Point == "" {
		j.Point = BeforeRequest
	}
	*r = Rule{j.Action, j.Point, time.Duration(j.Delay), zkapi.Code(j.Code), j.Rate, j.Way,
		j.Operations, j.Path, j.Client, int64(j.Session), j.Nth, j.Every, j.Percent,
		time.Duration(j.From), time.Duration(j.To), j.Times}
	if err := r.Check(); err != nil {
		return fmt.Errorf("faults: %w", err)
	}
	return nil
}

// jsonText returns the content of a JSON string; ok is false for anything else.
func jsonText(b []byte) (text string, ok bool, err error) {
	if b = bytes.TrimSpace(b); len(b) == 0 || b[0] != '"' {
		return "", false, nil
	}
	err = json.Unmarshal(b, &text)
	return text, true, err
}

// strict does not let a misspelt key pass.
func strict(b []byte, to any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	return d.Decode(to)
}

type jsonDuration time.Duration

func (d jsonDuration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

func (d *jsonDuration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	if err != nil {
		return fmt.Errorf("faults: want a time, such as \"2s\", not %s", shown(string(b)))
	}
	*d = jsonDuration(v)
	return nil
}

type jsonCode zkapi.Code

func (c jsonCode) MarshalText() ([]byte, error) { return []byte(codeText(zkapi.Code(c))), nil }

func (c *jsonCode) UnmarshalText(b []byte) error {
	code, err := word{text: string(b)}.code()
	var s *SyntaxError
	if errors.As(err, &s) {
		return errors.New("faults: " + s.Reason)
	}
	*c = jsonCode(code)
	return nil
}

type jsonSession int64

func (s jsonSession) MarshalText() ([]byte, error) { return []byte(sessionText(int64(s))), nil }

func (s *jsonSession) UnmarshalText(b []byte) error {
	id, err := parseSession(string(b))
	if err != nil {
		return fmt.Errorf("faults: %w", err)
	}
	*s = jsonSession(id)
	return nil
}
