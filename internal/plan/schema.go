package plan

import (
	_ "embed"
	"encoding/json"
	"fmt"
)

// schemaText is the JSON Schema of the whole language, written by hand.
//
//go:embed schema.json
var schemaText []byte

// Schema returns the JSON Schema (draft 2020-12) of the stage file, for
// editors: the keys that this version supports, their types, and what is to be
// known of each. A file that it refuses is one that [Load] refuses. Not the
// reverse: names, references and what makes sense together are for Load.
func Schema() map[string]any {
	var schema map[string]any
	if err := json.Unmarshal(schemaText, &schema); err != nil {
		panic(fmt.Sprintf("plan: schema.json: %v", err))
	}
	return schema
}
