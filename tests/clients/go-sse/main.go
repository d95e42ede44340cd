// Go's github.com/tmaxmax/go-sse: it comes back by itself, and stops at a status that is not 200.
package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"

	"github.com/tmaxmax/go-sse"
)

// What the test compares with what is stored.
type seen struct {
	Seqs      []uint64 `json:"seqs"`
	Restarts  int      `json:"restarts"`
	Blank     int      `json:"blank"`
	Assembled string   `json:"assembled"`
	Stated    string   `json:"stated"`
}

func main() {
	url, session := os.Args[1], os.Args[2]
	target := fmt.Sprintf("%s/v1/session/%s/events?until=final", url, session)
	request, _ := http.NewRequest(http.MethodGet, target, nil)
	connection := sse.NewConnection(request)
	var seen seen
	var text string
	var begun, over bool
	connection.SubscribeToAll(func(event sse.Event) {
		if event.Data == "" {
			seen.Blank++
			return
		}
		var data struct {
			Seq            uint64
			Delta, Message string
		}
		if err := json.Unmarshal([]byte(event.Data), &data); err != nil {
			panic(err)
		}
		if data.Seq > 0 {
			seen.Seqs = append(seen.Seqs, data.Seq)
		}
		switch event.Type {
		case "assistant.delta":
			text += data.Delta
		case "assistant.restarted":
			seen.Restarts++
			text = ""
		case "assistant.final":
			seen.Assembled, seen.Stated, over = text, data.Message, true
		}
		if text != "" && !begun {
			begun = true
			fmt.Println("begun")
		}
	})
	err := connection.Connect()
	if !over {
		panic(err)
	}
	told, _ := json.Marshal(seen)
	fmt.Println(string(told))
}
