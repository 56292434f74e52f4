using System.Collections.Concurrent;
using System.IO.Abstractions;
using System.Runtime.ExceptionServices;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Containerd.Execution;

/// <summary>Makes containers, and finds and removes those that other processes have made under the same state root.</summary>
/// <remarks>
/// <para>There is no daemon and no monitor: the process that makes a container owns it, by a lock that ends with the process. What a process that died has left is removed by
/// <see cref="CleanupAsync"/>, or when a container of the same ID is made.</para>
/// <para>Several processes can use one state root; they must use the same runtime with the same state directory. Thread-safe; nothing to dispose. Needs Linux 5.6, the privileges of
/// the runtime, and CAP_SYS_ADMIN for <see cref="RootfsMode.PrivateNamespace"/>.</para>
/// <example>
/// <code>
/// var host = new ContainerHost(new ContainerHostOptions { StateRoot = "/run/app" }, new OciRuntime(), mounter);
/// await using Container job = await host.CreateAsync("job", mounts, spec => spec.WithArgs("sh", "-c", "make test"));
/// ExitStatus exit = await job.RunAsync();
/// </code>
/// </example>
/// </remarks>
public sealed class ContainerHost
{
    private const int MaxClaimAttempts = 10;

    private readonly StateRoot _stateRoot;
    private readonly string _cgroupParent;
    private readonly string _bootId;
    private readonly ILogger _logger;
    private readonly ConcurrentDictionary<string, Container> _owned = new(StringComparer.Ordinal);

    /// <summary>Opens a state root, or makes it.</summary>
    /// <param name="options">Where; null for the defaults. Copied.</param>
    /// <param name="runtime">What makes the containers.</param>
    /// <param name="mounter">What mounts their root file systems.</param>
    /// <param name="loggerFactory">Gets the category of this type; null for none.</param>
    /// <param name="timeProvider">The clock; null for the system's.</param>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.FailedPrecondition"/>: the directory is another component's, or no state root and not empty. -or-
    /// <see cref="ErrorKind.PermissionDenied"/>: it is another user's, or others can write it. -or- <see cref="ErrorKind.NotSupported"/>: it is of another version's format. -or-
    /// <see cref="ErrorKind.DataCorrupted"/>: its <c>format</c> file is damaged. After any of them nothing in it was changed.</exception>
    public ContainerHost(
        ContainerHostOptions? options, IOciRuntime runtime, IMounter mounter, ILoggerFactory? loggerFactory = null, TimeProvider? timeProvider = null)
        : this(options ?? new ContainerHostOptions(), runtime, mounter, new FileSystem(), loggerFactory, timeProvider)
    {
    }

    internal ContainerHost(
        ContainerHostOptions options, IOciRuntime runtime, IMounter mounter, IFileSystem fileSystem, ILoggerFactory? loggerFactory, TimeProvider? timeProvider)
    {
        ArgumentNullException.ThrowIfNull(runtime);
        ArgumentNullException.ThrowIfNull(mounter);
        Runtime = runtime;
        Mounter = mounter;
        TimeProvider = timeProvider ?? TimeProvider.System;
        _logger = (loggerFactory ?? NullLoggerFactory.Instance).CreateLogger<ContainerHost>();
        string root = Path.GetFullPath(options.StateRoot);
        _stateRoot = new StateRoot(fileSystem, root);
        _cgroupParent = options.CgroupParent ?? CgroupPath.ForStateRoot(Path.TrimEndingDirectorySeparator(root));
        CgroupParent = new CgroupParent(fileSystem, root, _cgroupParent);
        _bootId = File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim();
        IsSubreaper = options.Subreaper;
        if (IsSubreaper)
            Interop.BecomeSubreaper();
    }

    internal IOciRuntime Runtime { get; }

    internal IMounter Mounter { get; }

    internal TimeProvider TimeProvider { get; }

    internal CgroupParent CgroupParent { get; }

    internal bool IsSubreaper { get; }

    /// <summary>Makes a container: looks its user up, checks its specification and writes its bundle. No process is made yet.</summary>
    /// <param name="id">Its ID: 1 to 76 letters and digits with single <c>.</c>, <c>_</c> or <c>-</c> between them.</param>
    /// <param name="rootfs">Its root file system. What it needs must stay until the container is deleted.</param>
    /// <param name="configure">From <see cref="ContainerSpec.Default"/> to what it is to be.</param>
    /// <param name="options">How it is kept; null for the defaults.</param>
    /// <param name="cancellationToken">Stops the call; nothing is left behind.</param>
    /// <returns>The container; the caller disposes it.</returns>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.AlreadyExists"/>: a container with this ID is there, and its owner lives or it is to be kept. -or-
    /// <see cref="ErrorKind.InvalidArgument"/>: the specification contradicts itself, has no program to run, or a user that nobody can be. -or-
    /// <see cref="ErrorKind.NotFound"/>: the image has no such user or group. -or-
    /// <see cref="ErrorKind.ResourceExhausted"/>: its account files are too large. -or- as <see cref="IMounter.MountDetached"/>. Nothing is left behind.</exception>
    public async Task<Container> CreateAsync(
        string id,
        IReadOnlyList<Mount> rootfs,
        Func<ContainerSpec, ContainerSpec> configure,
        ContainerOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        Identifier.Check(id, "container ID");
        ArgumentNullException.ThrowIfNull(rootfs);
        ArgumentNullException.ThrowIfNull(configure);
        options ??= new ContainerOptions();
        if (rootfs.Count == 0)
            throw new ArgumentException("A container needs a root file system: at least one mount.", nameof(rootfs));
        if (options.KeepRunning && new[] { options.Stdio.Input, options.Stdio.Output, options.Stdio.Error }.Any(stream => stream.Kind == StdioKind.Pipe))
            throw new ArgumentException("A container that is to outlive this process cannot have pipes to it.", nameof(options));

        var tree = new ContainerRootfs(rootfs, Mounter, options.RootfsMode);
        ContainerSpec spec = Complete(id, configure(ContainerSpec.Default), tree);
        SpecValidator.ThrowIfInvalid(spec.Spec, id);
        cancellationToken.ThrowIfCancellationRequested();

        var state = new ContainerState
        {
            Id = id,
            CreatedAt = TimeProvider.GetUtcNow(),
            Runtime = Runtime.Name,
            BootId = _bootId,
            CgroupsPath = spec.Spec.Linux!.CgroupsPath!,
            KeepRunning = options.KeepRunning,
            HostMount = tree.IsHostMount,
        };
        IDisposable hold = CgroupParent.Hold();
        ProcessStreams? streams = null;
        try
        {
            streams = ProcessStreams.Open(options.Stdio, spec.Spec.Process!.User);
            StateDirectory directory = await ClaimAsync(id, made =>
            {
                made.WriteFile("config.json", spec.Spec.ToJson());
                made.WriteState(state);
            }).ConfigureAwait(false);
            var container = new Container(this, directory, state, spec, options, tree, streams, hold, _logger);
            _owned[id] = container;
            Log.Created(_logger, id, directory.Path);
            return container;
        }
        catch
        {
            streams?.Dispose();
            hold.Dispose();
            CgroupParent.RemoveIfUnused();
            throw;
        }
    }

    /// <summary>Looks a container up, whichever process made it.</summary>
    /// <param name="id">The container.</param>
    /// <param name="cancellationToken">Stops the call.</param>
    /// <returns>Null where there is none.</returns>
    public async Task<ContainerInfo?> FindAsync(string id, CancellationToken cancellationToken = default)
    {
        Identifier.Check(id, "container ID");
        string path = _stateRoot.PathOf(id);
        if (_stateRoot.ReadState(path) is not { } state)
            return null;
        return Describe(path, state, await Runtime.FindAsync(id, cancellationToken).ConfigureAwait(false));
    }

    /// <summary>Looks a container up that must be there.</summary>
    /// <param name="id">The container.</param>
    /// <param name="cancellationToken">Stops the call.</param>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.NotFound"/>: there is none.</exception>
    public async Task<ContainerInfo> GetAsync(string id, CancellationToken cancellationToken = default) =>
        await FindAsync(id, cancellationToken).ConfigureAwait(false) ?? throw NotFound(id);

    /// <summary>Lists the containers of this root, whichever process made them. One whose state cannot be read is logged and left out.</summary>
    /// <param name="cancellationToken">Stops the call.</param>
    public async Task<IReadOnlyList<ContainerInfo>> ListAsync(CancellationToken cancellationToken = default)
    {
        IReadOnlyList<string> paths = _stateRoot.List();
        if (paths.Count == 0)
            return [];
        var states = (await Runtime.ListAsync(cancellationToken).ConfigureAwait(false)).ToDictionary(known => known.Id, StringComparer.Ordinal);
        return [.. paths.Select(path => (path, state: TryReadState(path)))
            .Where(entry => entry.state is not null)
            .Select(entry => Describe(entry.path, entry.state!, states.GetValueOrDefault(entry.state!.Id)))];
    }

    /// <summary>Kills and removes a container of this process, or of one that has died.</summary>
    /// <param name="id">The container.</param>
    /// <param name="cancellationToken">Stops the call before it has begun to remove.</param>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.NotFound"/>: there is none. -or- <see cref="ErrorKind.FailedPrecondition"/>: it belongs to another process that lives, or to
    /// another runtime. -or- <see cref="ErrorKind.Unavailable"/>: its root file system or cgroup is busy; the call can be repeated.</exception>
    public async Task RemoveAsync(string id, CancellationToken cancellationToken = default)
    {
        Identifier.Check(id, "container ID");
        cancellationToken.ThrowIfCancellationRequested();
        if (_owned.TryGetValue(id, out Container? container))
        {
            await container.EndAsync().ConfigureAwait(false);
            await container.DeleteAsync().ConfigureAwait(false);
            await container.DisposeAsync().ConfigureAwait(false);
            return;
        }
        string path = _stateRoot.PathOf(id);
        if (!_stateRoot.Exists(path))
            throw NotFound(id);
        using StateDirectory directory = _stateRoot.TryTake(path)
            ?? throw new ContainerdException(ErrorKind.FailedPrecondition, $"Container '{id}' belongs to another process that is running; end it there.") { Subject = id };
        ContainerState state = ReadOrAssumeState(directory);
        if (state.Runtime != Runtime.Name)
        {
            throw new ContainerdException(
                ErrorKind.FailedPrecondition, $"Container '{id}' belongs to runtime {Excerpt.Of(state.Runtime)}, which {Runtime.Name} cannot delete it from. Use a host of that runtime.") { Subject = id };
        }
        await RemoveLeftoverAsync(directory, state).ConfigureAwait(false);
    }

    /// <summary>
    /// Removes what processes that have died left behind: their containers, killing those that run, except those with <see cref="ContainerOptions.KeepRunning"/>, which are removed
    /// once they have ended. Containers of processes that live, and those of other runtimes, are not touched. What cannot be removed does not stop the others.
    /// </summary>
    /// <param name="cancellationToken">Stops between two containers.</param>
    /// <returns>The IDs of the containers that were removed.</returns>
    /// <exception cref="ContainerdException">The first failure, when everything that can be removed has been: as <see cref="RemoveAsync"/> and <see cref="IOciRuntime.DeleteAsync"/>.</exception>
    public async Task<IReadOnlyList<string>> CleanupAsync(CancellationToken cancellationToken = default)
    {
        var removed = new List<string>();
        ExceptionDispatchInfo? first = null;
        foreach (string path in _stateRoot.List())
        {
            cancellationToken.ThrowIfCancellationRequested();
            try
            {
                if (await TryRemoveLeftoverAsync(path).ConfigureAwait(false))
                    removed.Add(Path.GetFileName(path));
            }
            catch (ContainerdException e)
            {
                Log.LeftoverNotRemoved(_logger, e, Path.GetFileName(path));
                first ??= ExceptionDispatchInfo.Capture(e);
            }
        }
        foreach (string path in _stateRoot.ListUnfinished())
        {
            try
            {
                using StateDirectory? directory = _stateRoot.TryTake(path);
                directory?.Remove();
            }
            catch (ContainerdException e)
            {
                Log.LeftoverNotRemoved(_logger, e, Path.GetFileName(path));
                first ??= ExceptionDispatchInfo.Capture(e);
            }
        }
        CgroupParent.RemoveIfUnused();
        first?.Throw();
        return removed;
    }

    internal void Forget(Container container) => _owned.TryRemove(new KeyValuePair<string, Container>(container.Id, container));

    private ContainerSpec Complete(string id, ContainerSpec spec, ContainerRootfs tree)
    {
        ArgumentNullException.ThrowIfNull(spec);
        SpecProcess process = spec.Spec.Process ?? new SpecProcess();
        if (spec.User is { } user)
            process = process with { User = tree.Read(root => UserResolver.Resolve(user, root, process.User)) };
        SpecRoot root = spec.Spec.Root ?? new SpecRoot();
        SpecLinux linux = spec.Spec.Linux ?? new SpecLinux();
        return spec with
        {
            User = null,
            Spec = spec.Spec with
            {
                Process = process,
                Root = root with { Path = tree.Directory ?? "rootfs", Readonly = root.Readonly == true || tree.IsReadOnly ? true : null },
                Linux = linux with { CgroupsPath = linux.CgroupsPath ?? $"{_cgroupParent}/{id}" },
            },
        };
    }

    private async Task<StateDirectory> ClaimAsync(string id, Action<StateDirectory> fill)
    {
        for (int attempt = 0; attempt < MaxClaimAttempts; attempt++)
        {
            if (_stateRoot.TryAdd(id, fill) is { } directory)
                return directory;
            if (!await TryRemoveLeftoverAsync(_stateRoot.PathOf(id)).ConfigureAwait(false) && _stateRoot.Exists(_stateRoot.PathOf(id)))
                break;
        }
        throw new ContainerdException(ErrorKind.AlreadyExists, $"A container '{id}' exists already. Remove it first, or choose another ID.") { Subject = id };
    }

    /// <returns>Whether it was there to be removed, and was.</returns>
    private async Task<bool> TryRemoveLeftoverAsync(string path)
    {
        using StateDirectory? directory = _stateRoot.TryTake(path);
        if (directory is null)
            return false;
        ContainerState state = ReadOrAssumeState(directory);
        if (state.Runtime != Runtime.Name)
        {
            Log.ForeignRuntime(_logger, state.Id, state.Runtime);
            return false;
        }
        if (state.KeepRunning && state.BootId == _bootId
            && await Runtime.FindAsync(state.Id, CancellationToken.None).ConfigureAwait(false) is { Status: not RuntimeStatus.Stopped })
            return false;
        await RemoveLeftoverAsync(directory, state).ConfigureAwait(false);
        return true;
    }

    private ContainerState? TryReadState(string path)
    {
        try
        {
            return _stateRoot.ReadState(path);
        }
        catch (ContainerdException e) when (e.Kind == ErrorKind.DataCorrupted)
        {
            Log.StateUnreadable(_logger, e, Path.GetFileName(path));
            return null;
        }
    }

    /// <summary>The state of a container whose owner is gone; where it cannot be read, what must be assumed for the container to be removed.</summary>
    private ContainerState ReadOrAssumeState(StateDirectory directory)
    {
        string id = Path.GetFileName(directory.Path);
        // Its cgroup is not known to be its own then: only the runtime, which knows the bundle, kills anything.
        return TryReadState(directory.Path)
            ?? new ContainerState { Id = id, CreatedAt = default, Runtime = Runtime.Name, BootId = "", CgroupsPath = $"{_cgroupParent}/{id}", HostMount = true };
    }

    private async Task RemoveLeftoverAsync(StateDirectory directory, ContainerState state)
    {
        await ContainerRemoval.RemoveAsync(this, directory, state, RuntimeRecord.Unknown, _logger).ConfigureAwait(false);
        Log.RemovedLeftover(_logger, state.Id);
        CgroupParent.RemoveIfUnused();
    }

    private static ContainerInfo Describe(string path, ContainerState state, RuntimeState? known) => new()
    {
        Id = state.Id,
        Bundle = path,
        CreatedAt = state.CreatedAt,
        ProcessId = known is { ProcessId: > 0 } ? known.ProcessId : null,
        Status = known?.Status switch
        {
            RuntimeStatus.Running => ContainerStatus.Running,
            RuntimeStatus.Paused => ContainerStatus.Paused,
            RuntimeStatus.Stopped => ContainerStatus.Stopped,
            null when state.Started => ContainerStatus.Stopped,
            _ => ContainerStatus.Created,
        },
    };

    private static ContainerdException NotFound(string id) => new(ErrorKind.NotFound, $"There is no container '{id}'.") { Subject = id };
}
