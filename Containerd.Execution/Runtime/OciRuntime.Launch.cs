using System.Globalization;

namespace Containerd.Execution;

// The verbs that leave a process behind, or run one in the foreground.
public sealed partial class OciRuntime
{
    private const int AbandonPollMilliseconds = 5;
    private const int AbandonPatienceMilliseconds = 2000;

    /// <inheritdoc/>
    public async Task<int> CreateAsync(string id, string bundle, RuntimeLaunchOptions? options = null, CancellationToken cancellationToken = default)
    {
        string pidFile = Path.Join(BundlePath(id, bundle), "init.pid");
        List<string> arguments = ["create", "--bundle", Path.GetFullPath(bundle), "--pid-file", pidFile, .. Console(options), id];
        await LaunchAsync("create", id, arguments, options, child => AbandonAsync(child, () => DeleteOwnAsync(id, bundle), id, bundle), cancellationToken).ConfigureAwait(false);
        if (await TryReadPidAsync(pidFile).ConfigureAwait(false) is { } pid)
            return pid;
        OciRuntimeException failure = NoPid(pidFile, "create", id);
        throw await AfterCleaningAsync(failure, () => DeleteOwnAsync(id, bundle)).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public Task<int> RunAsync(string id, string bundle, RuntimeLaunchOptions? options = null, CancellationToken cancellationToken = default)
    {
        List<string> arguments = ["run", "--bundle", BundlePath(id, bundle), .. Console(options), id];
        return LaunchAsync("run", id, arguments, options, child => AbandonAsync(child, () => KillOwnAsync(id, bundle), id, bundle), cancellationToken);
    }

    /// <inheritdoc/>
    public async Task<int> ExecAsync(string id, string processFile, RuntimeLaunchOptions? options = null, CancellationToken cancellationToken = default)
    {
        string pidFile = PidFileOf(id, processFile);
        List<string> arguments = ["exec", "--detach", "--process", Path.GetFullPath(processFile), "--pid-file", pidFile, .. Console(options), id];
        await LaunchAsync("exec", id, arguments, options, child => AbandonExecAsync(child, pidFile), cancellationToken).ConfigureAwait(false);
        return await TryReadPidAsync(pidFile).ConfigureAwait(false) ?? throw NoPid(pidFile, "exec", id);
    }

    /// <inheritdoc/>
    public Task<int> RunExecAsync(string id, string processFile, RuntimeLaunchOptions? options = null, CancellationToken cancellationToken = default)
    {
        string pidFile = PidFileOf(id, processFile);
        List<string> arguments = ["exec", "--process", Path.GetFullPath(processFile), "--pid-file", pidFile, .. Console(options), id];
        return LaunchAsync("exec", id, arguments, options, child => AbandonExecAsync(child, pidFile), cancellationToken);
    }

    /// <summary>Starts a verb and waits for the runtime's process to end.</summary>
    /// <param name="verb">The verb.</param>
    /// <param name="id">The container.</param>
    /// <param name="arguments">The verb and what follows it.</param>
    /// <param name="options">How to launch it.</param>
    /// <param name="abandon">Ends the runtime's process, and everything that it has made so far.</param>
    /// <param name="cancellationToken">Abandons the verb.</param>
    /// <returns>Its exit code, which is not the runtime's own failure.</returns>
    private async Task<int> LaunchAsync(
        string verb, string id, List<string> arguments, RuntimeLaunchOptions? options, Func<ChildProcess, Task> abandon, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        string path = RuntimeProgram.Find(_program, verb);
        using var log = new RuntimeLog();
        var command = new RuntimeCommand(
            path,
            [.. GlobalArguments(log), .. arguments],
            [.. RuntimeEnvironment.Variables().Select(variable => $"{variable.Key}={variable.Value}")]);
        using ChildProcess child = await RuntimeLauncher.StartAsync(command, options ?? new RuntimeLaunchOptions(), verb).ConfigureAwait(false);
        WaitStatus? status;
        try
        {
            status = await child.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            try
            {
                await abandon(child).ConfigureAwait(false);
            }
            catch (ContainerdException e)
            {
                throw new OperationCanceledException($"{Name} {verb} of container '{id}' was cancelled, but what it had made may remain: {e.Message}", e, cancellationToken);
            }
            throw;
        }
        (IReadOnlyList<string> messages, string? error) = log.Read();
        if (status is { Code: 0 } || (status is { Code: not null } && error is null && verb is "run" or "exec" && _dialect.HasJsonLog))
            return status.Value.Code!.Value;
        string said = error ?? (status is { Signal: { } signal } ? $"the runtime's own process was ended by {new Signal(signal)}" : "");
        OciRuntimeException failure = Failed(verb, id, status?.Code, said, messages);
        // A runtime that fails cleans up behind itself; one that is killed, by the kernel for want of memory for instance, does not.
        throw status is { Code: not null } ? failure : await AfterCleaningAsync(failure, () => abandon(child)).ConfigureAwait(false);
    }

    /// <summary>Removes what a failed verb has left.</summary>
    /// <returns>The failure to throw, which says so where something may remain.</returns>
    private static async Task<OciRuntimeException> AfterCleaningAsync(OciRuntimeException failure, Func<Task> clean)
    {
        try
        {
            await clean().ConfigureAwait(false);
            return failure;
        }
        catch (ContainerdException e)
        {
            return new OciRuntimeException(failure.Kind, $"{failure.Message} What it had made may remain: {e.Message}", e)
            {
                Verb = failure.Verb,
                ContainerId = failure.ContainerId,
                Subject = failure.Subject,
                ExitCode = failure.ExitCode,
                RuntimeMessage = failure.RuntimeMessage,
                LogMessages = failure.LogMessages,
            };
        }
    }

    /// <summary>Ends a create or run, and deletes what it has made unless the ID is another bundle's.</summary>
    /// <remarks>
    /// A runtime that is killed between making the process and writing its state leaves a process that nobody can find (runc#4534, and crun's run). So it is
    /// given the time to write its state, and killed only where it does not get there.
    /// </remarks>
    private async Task AbandonAsync(ChildProcess child, Func<Task> end, string id, string bundle)
    {
        Task exit = child.WaitAsync(CancellationToken.None);
        try
        {
            await EndGentlyAsync(exit, end, id).ConfigureAwait(false);
        }
        catch (ContainerdException)
        {
            // The runtime does not answer. Its process is killed then, and whether something remains is what the deletion says.
        }
        child.Kill();
        await exit.ConfigureAwait(false);
        await DeleteOwnAsync(id, bundle).ConfigureAwait(false);
    }

    private async Task EndGentlyAsync(Task exit, Func<Task> end, string id)
    {
        for (long patience = Environment.TickCount64 + AbandonPatienceMilliseconds; !exit.IsCompleted && Environment.TickCount64 < patience;)
        {
            if (await FindAsync(id, CancellationToken.None).ConfigureAwait(false) is { Status: not RuntimeStatus.Creating })
                break;
            await Task.WhenAny(exit, Task.Delay(AbandonPollMilliseconds)).ConfigureAwait(false);
        }
        await end().ConfigureAwait(false);
        await Task.WhenAny(exit, Task.Delay(AbandonPatienceMilliseconds)).ConfigureAwait(false);
    }

    private async Task DeleteOwnAsync(string id, string bundle)
    {
        if (await IsOwnAsync(id, bundle).ConfigureAwait(false))
            await DeleteAsync(id, force: true, CancellationToken.None).ConfigureAwait(false);
    }

    /// <summary>Kills what a run in the foreground waits for: it deletes the container itself then.</summary>
    private async Task KillOwnAsync(string id, string bundle)
    {
        try
        {
            if (await IsOwnAsync(id, bundle).ConfigureAwait(false))
                await KillAsync(id, Signal.Kill).ConfigureAwait(false);
        }
        catch (OciRuntimeException e) when (e.Kind == ErrorKind.NotFound)
        {
            // It ended meanwhile, or was never made.
        }
    }

    // What has no state yet is ours as well: the runtime refuses an ID that somebody else has, and has answered by now.
    private async Task<bool> IsOwnAsync(string id, string bundle) =>
        await FindAsync(id, CancellationToken.None).ConfigureAwait(false) is not { } state || Path.GetFullPath(state.Bundle) == Path.GetFullPath(bundle);

    /// <summary>Kills the process of an exec, which does not die with the runtime's, and the runtime's.</summary>
    private static async Task AbandonExecAsync(ChildProcess child, string pidFile)
    {
        // Runtimes start the process first and tell its number then: it may be there already with nothing to find it by.
        Task<WaitStatus?> exit = child.WaitAsync(CancellationToken.None);
        int? pid;
        for (long patience = Environment.TickCount64 + AbandonPatienceMilliseconds; ;)
        {
            pid = await TryReadPidAsync(pidFile).ConfigureAwait(false);
            if (pid is not null || exit.IsCompleted || Environment.TickCount64 > patience)
                break;
            await Task.WhenAny(exit, Task.Delay(AbandonPollMilliseconds)).ConfigureAwait(false);
        }
        if (pid is not null)
        {
            using var process = Interop.OpenProcess(pid.Value);
            if (process is not null)
                _ = Interop.SendSignal(process, Signal.Kill.Number);
        }
        child.Kill();
        await exit.ConfigureAwait(false);
    }

    private static string BundlePath(string id, string bundle)
    {
        Identifier.Check(id, "container ID");
        ArgumentException.ThrowIfNullOrEmpty(bundle);
        return Path.GetFullPath(bundle);
    }

    private static string PidFileOf(string id, string processFile)
    {
        Identifier.Check(id, "container ID");
        ArgumentException.ThrowIfNullOrEmpty(processFile);
        string pidFile = $"{Path.GetFullPath(processFile)}.pid";
        // A file of an earlier run with this process file would name somebody else's process by now.
        File.Delete(pidFile);
        return pidFile;
    }

    private static IEnumerable<string> Console(RuntimeLaunchOptions? options) =>
        options?.ConsoleSocketPath is { } socket ? ["--console-socket", socket] : [];

    private OciRuntimeException NoPid(string pidFile, string verb, string id) =>
        new(ErrorKind.Unknown, $"{Name} {verb} of container '{id}' succeeded but left no process ID in '{pidFile}'.") { Verb = verb, ContainerId = id, Subject = id };

    private static async Task<int?> TryReadPidAsync(string pidFile)
    {
        try
        {
            string text = await File.ReadAllTextAsync(pidFile).ConfigureAwait(false);
            return int.TryParse(text.AsSpan().Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out int pid) && pid > 0 ? pid : null;
        }
        catch (FileNotFoundException)
        {
            return null;
        }
    }
}
