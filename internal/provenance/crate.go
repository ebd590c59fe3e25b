package provenance

import (
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"plx/internal/store"
)

// The versions that a crate says it conforms to.
const (
	crateVersion    = "https://w3id.org/ro/crate/1.1"
	workflowCrate   = "https://w3id.org/workflowhub/workflow-ro-crate/1.0"
	wfrunProfile    = "https://w3id.org/ro/wfrun/"
	wfrunVersion    = "0.5"
	wfrunContext    = "https://w3id.org/ro/terms/workflow-run/context"
	plxLanguage     = "#stage-file"
	workflowRunName = "#run"
	licenseUnknown  = "#license"
)

// A crate is the graph of an RO-Crate while it is put together: entities, each
// once.
type crate struct {
	h      *History
	graph  []object
	have   map[string]bool
	parts  []any // of the root
	steps  []any
	tools  []any
	inputs []any // of the workflow run
	orders []any // ControlActions
	runs   []any // CreateActions
}

// ROCrate returns the metadata of an RO-Crate of the result and its history:
// what belongs into ro-crate-metadata.json beside the result's files. It follows
// the Provenance profile of Workflow Run RO-Crate: each derivation is a tool and
// a step, each result of a command an action.
func (h *History) ROCrate() any {
	c := &crate{h: h, have: make(map[string]bool)}
	for i, r := range h.results {
		c.result(i, r)
	}
	last := h.last()
	files := c.resultFiles(last)
	workflow := last.Ref.DRef().String() + "#workflow"
	c.workflow(workflow, last)
	c.run(workflow, last, files)
	c.root(last, workflow)
	return object{"@context": []any{crateVersion + "/context", wfrunContext}, "@graph": c.graph}
}

// add adds an entity. What has a name already is not added again.
func (c *crate) add(id string, kind any, o object) {
	if c.have[id] {
		return
	}
	c.have[id] = true
	o["@id"], o["@type"] = id, kind
	c.graph = append(c.graph, o)
}

func ref(id string) object { return object{"@id": id} }

func refs(ids ...string) []any {
	list := make([]any, len(ids))
	for i, id := range ids {
		list[i] = ref(id)
	}
	return list
}

// result adds a realization as a dataset, with its tool, step and action.
func (c *crate) result(i int, r result) {
	if r.Ref != c.h.last().Ref {
		o := object{"name": r.Ref.Name(), "identifier": r.Tree.String()}
		c.add(r.name(), "Dataset", o)
		c.mention(r.name())
	}
	if !r.ran() {
		return
	}
	tool := r.Ref.DRef().String()
	o := object{"name": r.d.Name}
	if text := r.d.Script + strings.Join(r.d.Argv, " "); text != "" {
		o["text"] = text
	}
	c.add(tool, []any{"SoftwareSourceCode", "SoftwareApplication"}, o)
	step := "#step-" + r.Ref.DRef().Hash().String()
	if !c.have[step] {
		c.tools = append(c.tools, ref(tool))
		c.steps = append(c.steps, ref(step))
		c.add(step, "HowToStep", object{"name": r.d.Name, "position": strconv.Itoa(i), "workExample": ref(tool)})
	}
	c.action(r, tool, step)
}

// mention makes an entity a part of the crate: it lies elsewhere, in a store.
func (c *crate) mention(id string) { c.parts = append(c.parts, ref(id)) }

// action adds the run of a tool. Who ran it is left out: a crate wants a person
// or an organization, and a record has the name of an account.
func (c *crate) action(r result, tool, step string) {
	id := "#action-" + r.Ref.Hash().String()
	o := object{"name": "Run of " + r.d.Name, "instrument": ref(tool), "object": c.objects(r), "result": []any{c.dataset(r)}}
	if r.Run > 0 {
		o["name"] = fmt.Sprintf("Run %d of %s", r.Run, r.d.Name)
	}
	o.set("startTime", crateTime(r.Started))
	o.set("endTime", crateTime(r.Stopped))
	c.add(id, "CreateAction", o)
	c.runs = append(c.runs, ref(id))
	order := "#order-" + r.Ref.Hash().String()
	c.add(order, "ControlAction", object{"name": "Step " + r.d.Name, "instrument": ref(step), "object": ref(id)})
	c.orders = append(c.orders, ref(order))
}

// dataset is what a result is called in the crate: the result itself is what
// the crate lies in.
func (c *crate) dataset(r result) object {
	if r.Ref == c.h.last().Ref {
		return ref("./")
	}
	return ref(r.name())
}

// objects are what a command was given.
func (c *crate) objects(r result) []any {
	list := []any{}
	c.h.inputs(r, func(_ string, from store.RRef) { list = append(list, ref(from.String())) })
	for _, e := range c.h.sources[r.d.Source] {
		list = append(list, c.source(r.d.Source, e))
	}
	if f := r.d.Fetch; f != nil && len(f.URLs) > 0 {
		c.add(f.URLs[0], "File", object{"name": path.Base(f.URLs[0]), "identifier": f.Hash})
		c.mention(f.URLs[0])
		c.inputs = append(c.inputs, ref(f.URLs[0]))
		list = append(list, ref(f.URLs[0]))
	}
	for _, key := range slices.Sorted(maps.Keys(r.d.Config)) {
		id := "#config-" + r.Ref.DRef().Hash().String() + "-" + key
		c.add(id, "PropertyValue", object{"name": key, "value": propertyValue(r.d.Config[key])})
		list = append(list, ref(id))
	}
	return list
}

// propertyValue returns a value of a config: as a text, if it is a table or list.
func propertyValue(v any) any {
	switch v := value(v).(type) {
	case string, bool, int64, float64:
		return v
	default:
		data, err := json.Marshal(v)
		if err != nil {
			return fmt.Sprint(v)
		}
		return string(data)
	}
}

// source adds a source file, which is known by its digest.
func (c *crate) source(tree store.Hash, e store.Entry) object {
	id := plxNS + "tree:" + tree.String() + "/" + escapedPath(e.Path)
	if !c.have[id] {
		c.add(id, "File", object{"name": e.Path, "contentSize": strconv.FormatInt(e.Size, 10), "identifier": "blake3:" + e.Digest.String()})
		c.mention(id)
		c.inputs = append(c.inputs, ref(id))
	}
	return ref(id)
}

// resultFiles adds the files beside which the metadata lies.
func (c *crate) resultFiles(r result) []any {
	list := []any{}
	for _, e := range files(r.Manifest) {
		id := escapedPath(e.Path)
		o := object{"name": e.Path, "contentSize": strconv.FormatInt(e.Size, 10), "identifier": "blake3:" + e.Digest.String()}
		c.add(id, "File", o)
		c.mention(id)
		list = append(list, ref(id))
	}
	return list
}

// workflow adds all derivations together: the plan by which it was made.
func (c *crate) workflow(id string, last result) {
	c.add(plxLanguage, "ComputerLanguage", object{"name": "plx stage file", "alternateName": "plx"})
	c.add(id, []any{"File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"}, object{
		"name": last.d.Name, "programmingLanguage": ref(plxLanguage), "hasPart": list(c.tools), "step": list(c.steps),
	})
}

// run adds the run of the workflow, and that of plx.
func (c *crate) run(workflow string, last result, files []any) {
	o := object{"name": "Making of " + last.d.Name, "instrument": ref(workflow), "object": list(c.inputs), "result": files}
	o.set("endTime", crateTime(last.Stopped))
	c.add(workflowRunName, "CreateAction", o)
	if last.Version == "" || len(c.orders) == 0 {
		return
	}
	c.add("#plx", "SoftwareApplication", object{"name": "plx", "softwareVersion": last.Version})
	c.add("#organize", "OrganizeAction", object{
		"name": "Run of plx", "instrument": ref("#plx"), "object": c.orders, "result": ref(workflowRunName),
	})
}

// crateTime writes a time as RFC 3339 has it, in the form that validators of
// crates know: to the millisecond, with an offset.
func crateTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000-07:00")
}

func list(v []any) []any {
	if v == nil {
		return []any{}
	}
	return v
}

// root adds what each crate begins with.
func (c *crate) root(last result, workflow string) {
	profiles := []string{workflowCrate}
	c.add(workflowCrate, "CreativeWork", object{"name": "Workflow RO-Crate", "version": "1.0"})
	for _, name := range []string{"process", "workflow", "provenance"} {
		id := wfrunProfile + name + "/" + wfrunVersion
		profiles = append(profiles, id)
		c.add(id, "CreativeWork", object{"name": strings.ToUpper(name[:1]) + name[1:] + " Run Crate", "version": wfrunVersion})
	}
	// A crate must say under which terms it may be used, and plx isn't told.
	c.add(licenseUnknown, "CreativeWork", object{
		"name": "No license is stated", "description": "plx does not know under which terms these results may be used: ask who gave them to you.",
	})
	c.add("./", "Dataset", object{
		"name": last.d.Name, "description": "The result " + last.name() + " of plx, and what it was made from", "identifier": last.name(),
		"datePublished": crateTime(last.Made), "license": ref(licenseUnknown), "conformsTo": refs(profiles...), "hasPart": append(list(c.parts), ref(workflow)),
		"mainEntity": ref(workflow), "mentions": append(refs(workflowRunName), c.runs...),
	})
	c.add("ro-crate-metadata.json", "CreativeWork", object{"about": ref("./"), "conformsTo": refs(crateVersion, workflowCrate)})
}
