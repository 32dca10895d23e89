#!/usr/bin/env python3
"""Record what transformers' apply_chat_template makes of conversations, for each published chat
template that runtime/tasks/ChatTemplate knows, in both spellings of a line end, with and without
the prompt for an answer, and which conversations a template refuses.

    python test/oracle/record_chat.py      # rewrites test/runtime/tasks/chat_cases.json
"""

import json
import pathlib

import jinja2
import tokenizers
import transformers

HERE = pathlib.Path(__file__).resolve().parent
CHATML = ("{%% for message in messages %%}%s{{'<|im_start|>' + message['role'] + '\n' + message['content']"
          " + '<|im_end|>' + '\n'}}{%% endfor %%}{%% if add_generation_prompt %%}"
          "{{ '<|im_start|>assistant\n' }}{%% endif %%}")
SYSTEM = ("{%% if loop.first and messages[0]['role'] != 'system' %%}"
          "{{ '<|im_start|>system\n%s<|im_end|>\n' }}{%% endif %%}")
ALTERNATE = ("{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception("
             "'Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}")
LLAMA3 = ("{% set loop_messages = messages %}{% for message in loop_messages %}{% set content = "
          "'<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n'+ message['content'] |"
          " trim + '<|eot_id|>' %}{% if loop.index0 == 0 %}{% set content = bos_token + content %}"
          "{% endif %}{{ content }}{% endfor %}")
MISTRAL = ("{{ bos_token }}{% for message in messages %}" + ALTERNATE + "{% if message['role'] == "
           "'user' %}{{ '[INST] ' + message['content'] + ' [/INST]' }}{% elif message['role'] == "
           "'assistant' %}{{ message['content'] + eos_token@}}{% else %}{{ raise_exception('Only "
           "user and assistant roles are supported!') }}{% endif %}{% endfor %}")
LLAMA3_PROMPT = "{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}"
TEMPLATES = {
    "smollm": CHATML % "",
    "smollm2": CHATML % (SYSTEM % "You are a helpful AI assistant named SmolLM, trained by Hugging Face"),
    "qwen2": CHATML % (SYSTEM % "You are a helpful assistant."),
    "llama3": LLAMA3 + "{% if add_generation_prompt %}" + LLAMA3_PROMPT + "{% endif %}",
    "llama3-first": LLAMA3 + LLAMA3_PROMPT,
    "mistral-0.1": MISTRAL.replace("@", " + ' ' "),
    "mistral-0.2": MISTRAL.replace("@", ""),
    "llama2": "{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}{% set "
              "system_message = messages[0]['content'] %}{% else %}{% set loop_messages = messages "
              "%}{% set system_message = false %}{% endif %}{% for message in loop_messages %}" +
              ALTERNATE + "{% if loop.index0 == 0 and system_message != false %}{% set content = "
              "'<<SYS>>\n' + system_message + '\n<</SYS>>\n\n' + message['content'] %}{% else %}"
              "{% set content = message['content'] %}{% endif %}{% if message['role'] == 'user' %}"
              "{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}{% elif message['role'] == "
              "'assistant' %}{{ ' '  + content.strip() + ' ' + eos_token }}{% endif %}{% endfor %}",
    "zephyr": "{% for message in messages %}\n{% if message['role'] == 'user' %}\n{{ '<|user|>\n' + "
              "message['content'] + eos_token }}\n{% elif message['role'] == 'system' %}\n{{ "
              "'<|system|>\n' + message['content'] + eos_token }}\n{% elif message['role'] == "
              "'assistant' %}\n{{ '<|assistant|>\n'  + message['content'] + eos_token }}\n{% endif "
              "%}\n{% if loop.last and add_generation_prompt %}\n{{ '<|assistant|>' }}\n{% endif "
              "%}\n{% endfor %}",
    "qwen2.5": r'''{%- if tools %}
    {{- '<|im_start|>system\n' }}
    {%- if messages[0]['role'] == 'system' %}
        {{- messages[0]['content'] }}
    {%- else %}
        {{- 'You are Qwen, created by Alibaba Cloud. You are a helpful assistant.' }}
    {%- endif %}
    {{- "\n\n# Tools\n\nYou may call one or more functions to assist with the user query.\n\nYou are provided with function signatures within <tools></tools> XML tags:\n<tools>" }}
    {%- for tool in tools %}
        {{- "\n" }}
        {{- tool | tojson }}
    {%- endfor %}
    {{- "\n</tools>\n\nFor each function call, return a json object with function name and arguments within <tool_call></tool_call> XML tags:\n<tool_call>\n{\"name\": <function-name>, \"arguments\": <args-json-object>}\n</tool_call><|im_end|>\n" }}
{%- else %}
    {%- if messages[0]['role'] == 'system' %}
        {{- '<|im_start|>system\n' + messages[0]['content'] + '<|im_end|>\n' }}
    {%- else %}
        {{- '<|im_start|>system\nYou are Qwen, created by Alibaba Cloud. You are a helpful assistant.<|im_end|>\n' }}
    {%- endif %}
{%- endif %}
{%- for message in messages %}
    {%- if (message.role == "user") or (message.role == "system" and not loop.first) or (message.role == "assistant" and not message.tool_calls) %}
        {{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>' + '\n' }}
    {%- elif message.role == "assistant" %}
        {{- '<|im_start|>' + message.role }}
        {%- if message.content %}
            {{- '\n' + message.content }}
        {%- endif %}
        {%- for tool_call in message.tool_calls %}
            {%- if tool_call.function is defined %}
                {%- set tool_call = tool_call.function %}
            {%- endif %}
            {{- '\n<tool_call>\n{"name": "' }}
            {{- tool_call.name }}
            {{- '", "arguments": ' }}
            {{- tool_call.arguments | tojson }}
            {{- '}\n</tool_call>' }}
        {%- endfor %}
        {{- '<|im_end|>\n' }}
    {%- elif message.role == "tool" %}
        {%- if (loop.index0 == 0) or (messages[loop.index0 - 1].role != "tool") %}
            {{- '<|im_start|>user' }}
        {%- endif %}
        {{- '\n<tool_response>\n' }}
        {{- message.content }}
        {{- '\n</tool_response>' }}
        {%- if loop.last or (messages[loop.index0 + 1].role != "tool") %}
            {{- '<|im_end|>\n' }}
        {%- endif %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\n' }}
{%- endif %}
''',
}
UNKNOWN = [(CHATML % "") + " ", "{{ messages[0]['content'] }}",
           TEMPLATES["zephyr"].replace("<|user|>", "<|human|>")]
ONE_LINE = [name for name in TEMPLATES if name not in ("zephyr", "qwen2.5")]


def conversation(text):
    roles = {"s": "system", "u": "user", "a": "assistant", "t": "tool"}
    words = {"s": "Be  brief.\n", "u": " What is \u00e9? ", "a": "\u00a0An e,\n\nacute. ", "t": "42"}
    return [{"role": roles[letter], "content": words[letter] * (index + 1)}
            for index, letter in enumerate(text)]


def main():
    conversations = ["ua", "uaua", "sua", "suaua", "u", "su", "uau", "suau", "uu", "au", "uas",
                     "usa", "ss", "ut"]
    cases = []
    for name, text in TEMPLATES.items():
        backend = tokenizers.Tokenizer(tokenizers.models.BPE())
        tokenizer = transformers.PreTrainedTokenizerFast(
            tokenizer_object=backend, bos_token="<s>", eos_token="</s>")
        spelled = text.replace("\n", "\\n") if name in ONE_LINE else text
        for shape in conversations:
            for prompt in (False, True):
                rendered = set()
                for template in {text, spelled}:
                    try:
                        rendered.add(tokenizer.apply_chat_template(
                            conversation(shape), chat_template=template, tokenize=False,
                            add_generation_prompt=prompt))
                    except jinja2.exceptions.TemplateError:
                        rendered.add(None)
                assert len(rendered) == 1
                cases.append({"template": name, "shape": shape, "prompt": prompt,
                              "text": rendered.pop()})
    path = HERE.parent / "runtime" / "tasks" / "chat_cases.json"
    templates = {name: [text] + ([text.replace("\n", "\\n")] if name in ONE_LINE else [])
                 for name, text in TEMPLATES.items()}
    path.write_text('{"templates": %s,\n"unknown": %s,\n"conversations": %s,\n"cases": [\n%s\n]}\n' % (
        json.dumps(templates), json.dumps(UNKNOWN),
        json.dumps({shape: conversation(shape) for shape in conversations}),
        ",\n".join(json.dumps(case) for case in cases)))
    print("%d cases" % len(cases))


if __name__ == "__main__":
    main()
