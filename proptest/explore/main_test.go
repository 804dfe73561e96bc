package explore_test

import (
	"testing"

	"github.com/zksim/zksim/proptest/internal/brief"
)

func TestMain(m *testing.M) { brief.Main(m) }
