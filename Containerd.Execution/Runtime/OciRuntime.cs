using System.ComponentModel;
using System.Globalization;
using System.Text;
using System.Text.Json;
using CliWrap;

namespace Containerd.Execution;

/// <summary>An OCI runtime driven through its command line: runc, or any that follows runc.</summary>
/// <remarks>
/// <para>Every invocation has a log of its own, so errors are the runtime's own words and concurrent calls never mix. The environment is this process's without what would
/// change what the runtime does (NOTIFY_SOCKET, LISTEN_*, XDG_RUNTIME_DIR, _LIBCONTAINER_*).</para>
/// <para>Thread-safe and stateless; nothing to dispose. Needs Linux 5.4 with <c>/proc</c>, the runtime's program, and what that needs.</para>
/// <example>
/// <code>
/// var runtime = new OciRuntime(new OciRuntimeOptions { Dialect = RuntimeDialect.Crun });
/// int code = await runtime.RunAsync("hello", "/tmp/bundle");
/// </code>
/// </example>
/// </remarks>
public sealed partial class OciRuntime : IOciRuntime
{
    private const int MaxOutputBytes = 16 * 1024 * 1024;
    private const int MaxErrorBytes = 64 * 1024;

    private readonly RuntimeDialect _dialect;
    private readonly string _program;
    private readonly string? _stateRoot;
    private volatile RuntimeInfo? _info;

    /// <summary>Describes a runtime. Nothing is run or looked for yet.</summary>
    /// <param name="options">Which one; null for runc with its own state directory.</param>
    /// <exception cref="ArgumentException"><see cref="OciRuntimeOptions.StateRoot"/> is not an absolute path.</exception>
    public OciRuntime(OciRuntimeOptions? options = null)
    {
        options ??= new OciRuntimeOptions();
        ArgumentNullException.ThrowIfNull(options.Dialect);
        if (options.StateRoot is { } root && !Path.IsPathRooted(root))
            throw new ArgumentException($"The runtime's state directory '{root}' must be an absolute path.", nameof(options));
        _dialect = options.Dialect;
        _program = options.Program ?? _dialect.Program;
        _stateRoot = options.StateRoot;
    }

    /// <inheritdoc/>
    public string Name => _dialect.Name;

    /// <inheritdoc/>
    public async Task<RuntimeInfo> GetInfoAsync(CancellationToken cancellationToken = default)
    {
        if (_info is { } known)
            return known;
        Answer version = await AskAsync("version", null, ["--version"], null, cancellationToken).ConfigureAwait(false);
        if (version.ExitCode != 0)
            throw Failed("version", null, version);
        RuntimeInfo parsed = RuntimeVersionText.Parse(version.Output.ToString())
            ?? throw new OciRuntimeException(ErrorKind.NotSupported, $"'{Excerpt.OfMessage(_program)}' is no OCI runtime: its --version says '{Excerpt.OfMessage(version.Output.ToString())}'.")
            {
                Verb = "version",
                Subject = _program,
            };
        // Only runc from 1.1 and crun from 1.8.6 on have it; that a runtime lacks it is no failure.
        Answer features = await AskAsync("features", null, ["features"], null, cancellationToken).ConfigureAwait(false);
        return _info = features.ExitCode == 0 && RuntimeVersionText.ParseFeatures(features.Output.Bytes) is { } document
            ? RuntimeVersionText.WithFeatures(parsed, document)
            : parsed;
    }

    /// <inheritdoc/>
    public async Task StartAsync(string id, CancellationToken cancellationToken = default) =>
        await RunVerbAsync("start", id, [id], cancellationToken: cancellationToken).ConfigureAwait(false);

    /// <inheritdoc/>
    public async Task<RuntimeState?> FindAsync(string id, CancellationToken cancellationToken = default)
    {
        Identifier.Check(id, "container ID");
        Answer answer = await AskAsync("state", id, ["state", id], null, cancellationToken).ConfigureAwait(false);
        if (answer.ExitCode == 0)
            return Parse(answer, RuntimeJson.Default.RuntimeStateDocument, "state", id).ToState();
        OciRuntimeException failure = Failed("state", id, answer);
        return failure.Kind == ErrorKind.NotFound ? null : throw failure;
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<RuntimeState>> ListAsync(CancellationToken cancellationToken = default)
    {
        Answer answer = await RunVerbAsync("list", null, ["--format", "json"], cancellationToken: cancellationToken).ConfigureAwait(false);
        // runc says null where there are none, crun nothing at all.
        if (answer.Output.Bytes.Span.IndexOfAnyExcept(" \n"u8) < 0)
            return [];
        return [.. Parse(answer, RuntimeJson.Default.RuntimeStateDocumentArray!, "list", null)?.Select(document => document.ToState()) ?? []];
    }

    /// <inheritdoc/>
    public async Task KillAsync(string id, Signal signal, bool all = false, CancellationToken cancellationToken = default)
    {
        if (signal == default)
            throw new ArgumentException("A signal is needed.", nameof(signal));
        string number = signal.Number.ToString(CultureInfo.InvariantCulture);
        await RunVerbAsync("kill", id, all ? ["--all", id, number] : [id, number], cancellationToken: cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async Task DeleteAsync(string id, bool force = false, CancellationToken cancellationToken = default)
    {
        try
        {
            await RunVerbAsync("delete", id, force ? ["--force", id] : [id], cancellationToken: cancellationToken).ConfigureAwait(false);
        }
        catch (OciRuntimeException e) when (force && e.Kind == ErrorKind.NotFound)
        {
            // runc takes an unknown container for a success here, crun does not: the contract is runc's.
        }
    }

    /// <inheritdoc/>
    public async Task PauseAsync(string id, CancellationToken cancellationToken = default) =>
        await RunVerbAsync("pause", id, [id], cancellationToken: cancellationToken).ConfigureAwait(false);

    /// <inheritdoc/>
    public async Task ResumeAsync(string id, CancellationToken cancellationToken = default)
    {
        // crun thaws what is not frozen and calls it a success.
        if (await FindAsync(id, cancellationToken).ConfigureAwait(false) is { Status: not RuntimeStatus.Paused } state)
            throw new OciRuntimeException(ErrorKind.FailedPrecondition, $"Container '{id}' is not paused but {state.Status}.") { Verb = "resume", ContainerId = id, Subject = id };
        await RunVerbAsync("resume", id, [id], cancellationToken: cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async Task UpdateAsync(string id, ReadOnlyMemory<byte> resources, CancellationToken cancellationToken = default) =>
        await RunVerbAsync("update", id, ["--resources", "-", id], PipeSource.FromBytes(resources), cancellationToken).ConfigureAwait(false);

    /// <inheritdoc/>
    public async Task<IReadOnlyList<int>> ListProcessesAsync(string id, CancellationToken cancellationToken = default)
    {
        Answer answer = await RunVerbAsync("ps", id, ["--format", "json", id], cancellationToken: cancellationToken).ConfigureAwait(false);
        return Parse(answer, RuntimeJson.Default.Int32Array!, "ps", id) ?? [];
    }

    private async Task<Answer> RunVerbAsync(
        string verb, string? id, IReadOnlyList<string> arguments, PipeSource? input = null, CancellationToken cancellationToken = default)
    {
        if (id is not null)
            Identifier.Check(id, "container ID");
        Answer answer = await AskAsync(verb, id, [verb, .. arguments], input, cancellationToken).ConfigureAwait(false);
        return answer.ExitCode == 0 ? answer : throw Failed(verb, id, answer);
    }

    /// <summary>Runs a verb that ends by itself and leaves no process with its streams behind: those CliWrap can wait for.</summary>
    private async Task<Answer> AskAsync(
        string verb, string? id, IReadOnlyList<string> arguments, PipeSource? input, CancellationToken cancellationToken)
    {
        string path = RuntimeProgram.Find(_program, verb);
        using var log = new RuntimeLog();
        var output = new BoundedText(MaxOutputBytes);
        var error = new BoundedText(MaxErrorBytes);
        Command command = Cli.Wrap(path)
            .WithArguments([.. GlobalArguments(log), .. arguments])
            .WithEnvironmentVariables(RuntimeEnvironment.Withheld().ToDictionary(name => name, _ => (string?)null))
            .WithStandardInputPipe(input ?? PipeSource.Null)
            .WithStandardOutputPipe(output.Target)
            .WithStandardErrorPipe(error.Target)
            .WithValidation(CommandResultValidation.None);
        CommandResult result;
        try
        {
            result = await command.ExecuteAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (Win32Exception e)
        {
            throw new OciRuntimeException(Interop.KindOf(e.NativeErrorCode), $"The OCI runtime '{Excerpt.Of(path)}' could not be started: {Excerpt.OfMessage(e.Message)}", e)
            {
                Verb = verb,
                Subject = path,
                Errno = e.NativeErrorCode,
            };
        }
        if (output.IsTruncated)
            throw new OciRuntimeException(ErrorKind.ResourceExhausted, $"{Name} {verb} answered with more than {MaxOutputBytes} bytes.") { Verb = verb, ContainerId = id };
        (IReadOnlyList<string> messages, string? logged) = log.Read();
        return new Answer(result.ExitCode, output, logged ?? Excerpt.OfMessage(error.ToString().Trim()), messages);
    }

    private List<string> GlobalArguments(RuntimeLog log)
    {
        List<string> arguments = [.. _dialect.GlobalArguments];
        if (_stateRoot is not null)
            arguments.AddRange(["--root", _stateRoot]);
        if (_dialect.HasJsonLog)
            arguments.AddRange(["--log", log.Path, "--log-format", "json"]);
        return arguments;
    }

    private OciRuntimeException Failed(string verb, string? id, Answer answer) =>
        Failed(verb, id, answer.ExitCode, answer.Error, answer.Messages);

    private OciRuntimeException Failed(string verb, string? id, int? exitCode, string said, IReadOnlyList<string> messages)
    {
        var text = new StringBuilder($"{Name} {verb}");
        if (id is not null)
            text.Append(CultureInfo.InvariantCulture, $" of container '{id}'");
        text.Append(CultureInfo.InvariantCulture, $" failed: {(said.Length > 0 ? said : $"it said nothing and ended with exit code {exitCode?.ToString(CultureInfo.InvariantCulture) ?? "unknown"}")}");
        return new OciRuntimeException(_dialect.Classify(verb, said), text.ToString())
        {
            Verb = verb,
            ContainerId = id,
            Subject = id,
            ExitCode = exitCode,
            RuntimeMessage = said.Length > 0 ? said : null,
            LogMessages = messages,
        };
    }

    private T Parse<T>(Answer answer, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type, string verb, string? id)
    {
        try
        {
            return JsonSerializer.Deserialize(answer.Output.Bytes.Span, type)!;
        }
        catch (JsonException e)
        {
            throw new OciRuntimeException(ErrorKind.DataCorrupted, $"{Name} {verb} gave an answer that is not the JSON expected: {e.Message}", e) { Verb = verb, ContainerId = id };
        }
    }

    private sealed record Answer(int ExitCode, BoundedText Output, string Error, IReadOnlyList<string> Messages);
}
