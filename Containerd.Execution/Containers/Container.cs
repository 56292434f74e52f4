using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace Containerd.Execution;

/// <summary>A container that this process made and owns: its life from here to its deletion.</summary>
/// <remarks>
/// <para><b>Life.</b> A new container is a bundle on disk. <see cref="RunAsync"/> runs it to its end. <see cref="StartAsync"/> starts it and comes back; <see cref="InitializeAsync"/>
/// before that makes its process without starting it, for whoever must do something in between. Once it has ended it can be deleted, not run again.</para>
/// <para><b>Disposal</b> kills the container if it runs, deletes it and removes everything that was made for it: processes, cgroup, mounts, state directory. With
/// <see cref="ContainerOptions.KeepRunning"/> a container that runs is let go instead: it is found by <see cref="ContainerHost.FindAsync"/> and removed by <see cref="ContainerHost.RemoveAsync"/>. Disposal
/// does not throw what goes wrong with that: it is logged, and what is left is removed by <see cref="ContainerHost.CleanupAsync"/>.</para>
/// <para><b>Exit codes.</b> <see cref="RunAsync"/> keeps the runtime in the foreground, which is the parent of the container's process: the code is exact and immediate on any
/// kernel, at the price of one runtime process while the container runs. A container that was started otherwise is a child of process 1, or of the
/// nearest subreaper. Its end is seen at once, through a pidfd; its code is what the kernel tells of a reaped process, from Linux 6.15 on, so it comes when its parent has reaped it: at once
/// below systemd or tini, seconds later below a lazy one. Where it does not come in 10 seconds, or the kernel is older, the code is null. With <see cref="ContainerHostOptions.Subreaper"/> this
/// process is the parent: exact and immediate for both.</para>
/// <para><b>Streams</b> that are pipes are here from the beginning and must be read while the container runs, or it blocks. They end when the container's process and all that
/// have inherited them are gone.</para>
/// <para>Thread-safe.</para>
/// </remarks>
public sealed partial class Container : IAsyncDisposable
{
    private readonly ContainerHost _host;
    private readonly StateDirectory _directory;
    private readonly ContainerOptions _options;
    private readonly ContainerRootfs _rootfs;
    private readonly ProcessStreams _streams;
    private readonly IDisposable _cgroupHold;
    private readonly ILogger _logger;
    private readonly SemaphoreSlim _gate = new(1, 1);
    private readonly CancellationTokenSource _foregroundStop = new();
    private readonly TaskCompletionSource<ExitStatus> _exit = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ConcurrentDictionary<ContainerProcess, bool> _processes = new();
    private ContainerState _state;
    private InitProcess? _init;
    private Task? _foreground;
    private RuntimeRecord _record;
    private volatile bool _started;
    private volatile bool _paused;
    private volatile bool _deleted;
    private int _disposed;

    internal Container(
        ContainerHost host,
        StateDirectory directory,
        ContainerState state,
        ContainerSpec spec,
        ContainerOptions options,
        ContainerRootfs rootfs,
        ProcessStreams streams,
        IDisposable cgroupHold,
        ILogger logger)
    {
        _host = host;
        _directory = directory;
        _state = state;
        _options = options;
        _rootfs = rootfs;
        _streams = streams;
        _cgroupHold = cgroupHold;
        _logger = logger;
        Id = state.Id;
        Spec = spec;
        // A failure is also thrown by whatever started the container: nobody has to wait for it here.
        _ = _exit.Task.ContinueWith(task => task.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted | TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
    }

    /// <summary>What it is known by, in this state root and to the runtime.</summary>
    public string Id { get; }

    /// <summary>Its bundle directory.</summary>
    public string Bundle => _directory.Path;

    /// <summary>What it was made from, with the user resolved to numbers.</summary>
    public ContainerSpec Spec { get; }

    /// <summary>Where it is in its life, as far as this object knows: what other programs do to it with the runtime is not seen, except its end.</summary>
    public ContainerStatus Status =>
        _deleted ? ContainerStatus.Deleted
        : _exit.Task.IsCompleted ? ContainerStatus.Stopped
        : _paused ? ContainerStatus.Paused
        : _started ? ContainerStatus.Running
        : ContainerStatus.Created;

    /// <summary>
    /// The process ID of its init process, as this process sees it. Null before <see cref="InitializeAsync"/> or <see cref="StartAsync"/>, and throughout <see cref="RunAsync"/>, where
    /// <see cref="ContainerHost.FindAsync"/> asks the runtime.
    /// </summary>
    public int? ProcessId => _init?.Id;

    /// <summary>What its process reads, where that is a pipe. Disposing it is the end of the input.</summary>
    public Stream? StandardInput => _streams.Input;

    /// <summary>What its process writes, where that is a pipe.</summary>
    public Stream? StandardOutput => _streams.Output;

    /// <summary>What its process writes as errors, where that is a pipe.</summary>
    public Stream? StandardError => _streams.Error;

    /// <summary>Makes its process, namespaces and mounts, all but running its program: <see cref="ProcessId"/> is known from then on.</summary>
    /// <param name="cancellationToken">Stops the call, after which the container can only be deleted.</param>
    /// <exception cref="OciRuntimeException">As <see cref="IOciRuntime.CreateAsync"/>; nothing of the process is left, and the container can only be deleted.</exception>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.FailedPrecondition"/>: it has been made, run or deleted before. -or- as <see cref="IMounter.Mount"/>.</exception>
    public async Task InitializeAsync(CancellationToken cancellationToken = default)
    {
        await _gate.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            RequireNew("make the process of");
            await InitializeCoreAsync(cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>Starts its process, and makes it before that where <see cref="InitializeAsync"/> has not.</summary>
    /// <param name="cancellationToken">Stops the call, and kills the process where it is there already; the container can then only be deleted.</param>
    /// <exception cref="OciRuntimeException">As <see cref="IOciRuntime.CreateAsync"/> and <see cref="IOciRuntime.StartAsync"/>; the container can only be deleted.</exception>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.FailedPrecondition"/>: it has been started or deleted before. -or- as <see cref="IMounter.Mount"/>.</exception>
    public async Task StartAsync(CancellationToken cancellationToken = default)
    {
        await _gate.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (_init is null)
            {
                RequireNew("start");
                await InitializeCoreAsync(cancellationToken).ConfigureAwait(false);
            }
            else if (_started || _deleted)
            {
                throw WrongState("start");
            }
            try
            {
                await _host.Runtime.StartAsync(Id, cancellationToken).ConfigureAwait(false);
                _directory.WriteState(_state = _state with { Started = true });
            }
            catch
            {
                _init!.Signal(Containerd.Signal.Kill);
                await _init.Ended.ConfigureAwait(false);
                throw;
            }
            _started = true;
            Log.Started(_logger, Id, "");
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>Runs it to its end: with the runtime in the foreground where it is new, else by <see cref="StartAsync"/> and <see cref="WaitAsync"/>.</summary>
    /// <param name="cancellationToken">Kills the container.</param>
    /// <returns>How its process ended.</returns>
    /// <exception cref="OciRuntimeException">As <see cref="IOciRuntime.RunAsync"/>; the container can only be deleted.</exception>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.FailedPrecondition"/>: it has been started or deleted before. -or- as <see cref="IMounter.Mount"/>.</exception>
    public async Task<ExitStatus> RunAsync(CancellationToken cancellationToken = default)
    {
        await _gate.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (_init is null)
                RequireNew("run");
            if (_init is null && !_host.IsSubreaper)
            {
                try
                {
                    _rootfs.MountOnHost(_directory.RootfsPath);
                    NoteLaunch(started: true);
                }
                catch (Exception e)
                {
                    _exit.TrySetException(e);
                    _streams.CloseChildEnds();
                    throw;
                }
                _started = true;
                _foreground = RunForegroundAsync();
                Log.Started(_logger, Id, " in the foreground");
            }
        }
        finally
        {
            _gate.Release();
        }
        if (_foreground is null)
            await StartAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            return await _exit.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            await EndAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Runs it to its end as <see cref="RunAsync"/> does, and reads what it writes meanwhile.</summary>
    /// <param name="maxBytes">How much is kept of its output, and as much of its errors; what is beyond is read and dropped.</param>
    /// <param name="cancellationToken">Kills the container.</param>
    /// <exception cref="InvalidOperationException">Neither output nor errors are pipes.</exception>
    /// <exception cref="ContainerdException">As <see cref="RunAsync"/>.</exception>
    public async Task<CapturedOutput> RunAndCaptureAsync(int maxBytes = 1024 * 1024, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(maxBytes);
        if (StandardOutput is null && StandardError is null)
            throw new InvalidOperationException("There is nothing to capture: ContainerOptions.Stdio has no pipes for output and errors.");
        return await OutputCapture.ReadAsync(StandardOutput, StandardError, RunAsync(cancellationToken), maxBytes, _host.TimeProvider, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Waits until its process has ended. Can be called at any time, before the start as well, and any number of times.</summary>
    /// <param name="cancellationToken">Stops the wait, nothing else.</param>
    /// <returns>How it ended.</returns>
    /// <exception cref="ContainerdException">It could not be started: the failure that the start threw.</exception>
    public Task<ExitStatus> WaitAsync(CancellationToken cancellationToken = default) => _exit.Task.WaitAsync(cancellationToken);

    private async Task InitializeCoreAsync(CancellationToken cancellationToken)
    {
        try
        {
            cancellationToken.ThrowIfCancellationRequested();
            _rootfs.MountOnHost(_directory.RootfsPath);
            NoteLaunch(started: false);
            int pid = await _host.Runtime.CreateAsync(Id, Bundle, LaunchOptions(), cancellationToken).ConfigureAwait(false);
            _record = RuntimeRecord.Ours;
            _init = InitProcess.Open(Id, pid, _host.TimeProvider, _logger)
                ?? throw new ContainerdException(ErrorKind.Unavailable, $"The process of container '{Id}' was killed while it was being made.") { Subject = Id };
            _ = PublishExitAsync(_init);
        }
        catch (Exception e)
        {
            if (_record == RuntimeRecord.None && _state.Launched)
                _record = RecordAfter(e);
            _exit.TrySetException(e);
            throw;
        }
        finally
        {
            _streams.CloseChildEnds();
        }
    }

    /// <summary>From here on what is in the container's cgroup is the container's: whoever removes it kills that.</summary>
    private void NoteLaunch(bool started)
    {
        CgroupRemoval.ThrowIfInUse(_state.CgroupsPath, Id);
        ContainerState launched = _state with { Launched = true, Started = started };
        _directory.WriteState(launched);
        _state = launched;
    }

    // A runtime that has died has deleted nothing. One whose program is not there or not executable, which names no container, has made nothing, and cannot be asked.
    private static RuntimeRecord RecordAfter(Exception failure) =>
        failure is OciRuntimeException { ContainerId: null, Kind: ErrorKind.NotFound or ErrorKind.PermissionDenied } ? RuntimeRecord.None : RuntimeRecord.Unknown;

    private async Task RunForegroundAsync()
    {
        try
        {
            int code = await _host.Runtime.RunAsync(Id, Bundle, LaunchOptions(), _foregroundStop.Token).ConfigureAwait(false);
            Publish(new ExitStatus(code, null, _host.TimeProvider.GetUtcNow()));
        }
        catch (OperationCanceledException)
        {
            // Killed with the runtime that would have told.
            _record = RuntimeRecord.Unknown;
            Publish(new ExitStatus(null, null, _host.TimeProvider.GetUtcNow()));
        }
#pragma warning disable CA1031 // It reaches whoever waits for the exit.
        catch (Exception e)
#pragma warning restore CA1031
        {
            _record = RecordAfter(e);
            _exit.TrySetException(e);
        }
        finally
        {
            _streams.CloseChildEnds();
        }
    }

    private async Task PublishExitAsync(InitProcess process)
    {
        try
        {
            Publish(await process.Exit.ConfigureAwait(false));
        }
#pragma warning disable CA1031 // It reaches whoever waits for the exit.
        catch (Exception e)
#pragma warning restore CA1031
        {
            _exit.TrySetException(e);
        }
    }

    private void Publish(ExitStatus status)
    {
        Log.Exited(_logger, Id, status.Code);
        _exit.TrySetResult(status);
    }

    private RuntimeLaunchOptions LaunchOptions() => new()
    {
        Stdio = _streams.ChildEnds,
        OnLaunchThread = _rootfs.OnLaunchThread(_directory.RootfsPath),
    };

    private void RequireNew(string what)
    {
        if (_started || _deleted || _init is not null || _exit.Task.IsCompleted || _disposed != 0)
            throw WrongState(what);
    }

    private ContainerdException WrongState(string what) =>
        new(ErrorKind.FailedPrecondition, $"Cannot {what} container '{Id}': it is {(_disposed != 0 ? "disposed" : Describe(Status))}.") { Subject = Id };

    private static string Describe(ContainerStatus status) => status switch
    {
        ContainerStatus.Created => "not started",
        ContainerStatus.Running => "running",
        ContainerStatus.Paused => "paused",
        ContainerStatus.Stopped => "stopped",
        _ => "deleted",
    };
}
