package recipes

import (
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

// B61: who follows something and reads nothing of it holds up nobody, and misses nothing.
func TestAudienceDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var a audience[int]
		s := a.join(&mu)
		told := false
		go func() {
			for i := range 1000 {
				mu.Lock()
				a.tell(i)
				mu.Unlock()
			}
			told = true
		}()
		synctest.Wait()
		require.True(t, told)
		require.Equal(t, 1000, s.Len())
	})
}
