package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"unicode/utf8"

	"github.com/spf13/cobra"
)

func (a *app) catCmd() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "cat [flags] STAGE.OUTPUT|RREF.OUTPUT",
		Short: "Print a file of a result",
		Long: `Prints the content of an output, or of a file below an output that is a
directory. A name that has a dot is quoted, and the whole then from the shell.
Where a stage's matcher chose several results, [1] is that of the first and [*]
that of all, one after the other.`,
		Example: `  plx cat report.text
  plx cat 'hello.out."usr/share/info/hello.info"'`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.cat(cmd.Context(), args, asJSON) },
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON: the path and content of each, in base64 if it is not UTF-8")
	return cmd
}

type catJSON struct {
	Path    string `json:"path"`
	Content string `json:"content"`
	Base64  bool   `json:"base64"`
}

func (a *app) cat(ctx context.Context, args []string, asJSON bool) error {
	docs := []catJSON{}
	for _, arg := range args {
		first, targets, err := a.follow(ctx, arg, true)
		if err != nil {
			return err
		}
		for _, t := range targets {
			if !asJSON {
				if err := t.Write(a.stdout, contents()); err != nil {
					return unrealized(first, err)
				}
				continue
			}
			var b bytes.Buffer
			if err := t.Write(&b, contents()); err != nil {
				return unrealized(first, err)
			}
			doc := catJSON{Content: b.String()}
			if !utf8.Valid(b.Bytes()) {
				doc.Content, doc.Base64 = base64.StdEncoding.EncodeToString(b.Bytes()), true
			}
			if doc.Path, err = t.Path(); err != nil {
				doc.Path = ""
			}
			docs = append(docs, doc)
		}
	}
	if asJSON {
		return a.resultJSON(map[string]any{"files": docs})
	}
	return nil
}
