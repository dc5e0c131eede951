package api

import "airlift/emu/iot"

// devicePaths describe what devices ask (iot-platform.md 1.1: E1, E2, E5). They
// are served beside the API, without an account: a project's key is what counts.
func devicePaths() object {
	question := []string{"imei", "mac", "uid", "project_key", "firmware_name", "version", "core_version", "dfota", "need_oss_url"}
	check := []string{"imei", "mac", "uid", "project_key", "script_name", "model", "script_version", "core_version", "core_id"}
	result := []string{"fota_sn", "result_code"}
	wifi := deviceOperation("Firmware of the Air8000's Wi-Fi co-processor", nil, object{
		"200": jsonAnswer("newest version", object{"type": "object", "required": []string{"version", "url"}, "additionalProperties": false,
			"properties": object{"version": textSchema, "url": textSchema}}),
	})
	return object{
		iot.Path: object{"get": deviceOperation("Is there an upgrade? The answer is the file itself, or why not", question, withFile(object{
			"302": object{"description": "where the file is, with need_oss_url=1"},
			"304": plainAnswer("the version is the same (answers selfhost-304)"),
			"400": plainAnswer("no upgrade: JSON with code and msg, under the type that the platform gives it"),
		}))},
		iot.TurnkeyPath: object{"get": deviceOperation("The same for the turnkey API", check, object{"200": jsonAnswer("an offer, or why there is none", offerSchema)})},
		iot.TurnkeyResultPath: object{
			"get":  deviceOperation("What became of an offer", result, object{"200": jsonAnswer("taken or not", codeSchema)}),
			"post": deviceOperation("What became of an offer, also as a JSON body", result, object{"200": jsonAnswer("taken or not", codeSchema)}),
		},
		"/download/{sum}/{file}": object{"get": pathParams(deviceOperation("A file that an answer led to", nil, withFile(object{})), "sum", "file")},
		"/air8000/update.json":   object{"get": wifi},
		"/air8000/update2.json":  object{"get": wifi},
		"/air8000/fotawifi.bin":  object{"get": deviceOperation("The co-processor's firmware", nil, withFile(object{}))},
	}
}

var (
	textSchema   = object{"type": "string"}
	numberSchema = object{"type": "integer", "format": "int64"}
	codeSchema   = object{"type": "object", "required": []string{"code", "msg"}, "additionalProperties": false,
		"properties": object{"code": numberSchema, "msg": textSchema}}
	offerSchema = object{"type": "object", "required": []string{"code", "msg"}, "additionalProperties": false,
		"properties": object{
			"code": numberSchema, "msg": textSchema, "core_id": numberSchema, "core_version": textSchema, "script_version": textSchema,
			"size": numberSchema, "sha256": textSchema, "fota_sn": textSchema, "url": textSchema,
		}}
)

// deviceOperation is an operation without an account. All of them may be asked
// with a wrong method, and fail.
func deviceOperation(summary string, query []string, answers object) object {
	var params []object
	for _, name := range query {
		params = append(params, object{"name": name, "in": "query", "schema": textSchema})
	}
	answers["404"], answers["405"], answers["500"] = plainAnswer("no such thing"), plainAnswer("wrong method"), plainAnswer("ask again later: the disk is full or the database locked")
	op := object{"summary": summary, "tags": []string{"devices' own"}, "security": []object{}, "responses": answers}
	if params != nil {
		op["parameters"] = params
	}
	return op
}

func pathParams(op object, names ...string) object {
	var params []object
	for _, name := range names {
		params = append(params, object{"name": name, "in": "path", "required": true, "schema": textSchema})
	}
	op["parameters"] = params
	return op
}

// withFile adds the answers that have a file, whole or in part.
func withFile(answers object) object {
	file := object{"application/octet-stream": object{"schema": object{"type": "string", "format": "binary"}}}
	answers["200"] = object{"description": "the file", "content": file}
	answers["206"] = object{"description": "what Range asks for", "content": file}
	answers["416"] = plainAnswer("Range is outside of the file")
	return answers
}

func plainAnswer(about string) object {
	return object{"description": about, "content": object{"text/html": object{"schema": textSchema}}}
}

func jsonAnswer(about string, schema object) object {
	return object{"description": about, "content": object{"application/json": object{"schema": schema}}}
}
