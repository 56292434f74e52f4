using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using Microsoft.Win32.SafeHandles;

namespace Containerd.Execution;

/// <summary>Awaits files that .NET cannot: pidfds are neither sockets nor pipes. One thread for the whole process, made when first needed.</summary>
/// <remarks>Whoever touches it first decides the thread's namespaces: never from a launch thread.</remarks>
internal sealed class Reactor
{
    private static readonly Lazy<Reactor> Instance = new(() => new Reactor());

    private readonly SafeFileHandle _epoll = Interop.EpollCreate();
    private readonly ConcurrentDictionary<long, Watch> _watches = new();
    private long _lastToken;

    private Reactor() => new Thread(Run) { IsBackground = true, Name = "containerd-reactor" }.Start();

    public static Reactor Shared => Instance.Value;

    /// <summary>Waits until the process behind a pidfd has ended.</summary>
    public Task WaitForExitAsync(SafeFileHandle process, CancellationToken cancellationToken = default) => WatchAsync(process, readable: true, cancellationToken);

    /// <summary>Waits until the process behind a pidfd has been reaped, which kernels from 6.9 on tell by hanging up.</summary>
    public Task WaitForReapAsync(SafeFileHandle process, CancellationToken cancellationToken) => WatchAsync(process, readable: false, cancellationToken);

    private async Task WatchAsync(SafeFileHandle process, bool readable, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        long token = Interlocked.Increment(ref _lastToken);
        var watch = new Watch();
        _watches[token] = watch;
        // The reference keeps the descriptor's number from meaning another file while the kernel knows it.
        bool referenced = false;
        process.DangerousAddRef(ref referenced);
        try
        {
            Interop.EpollAdd(_epoll, process, readable, token);
            try
            {
                await using (cancellationToken.UnsafeRegister(static (state, ct) => ((Watch)state!).TrySetCanceled(ct), watch).ConfigureAwait(false))
                    await watch.Task.ConfigureAwait(false);
            }
            finally
            {
                Interop.EpollRemove(_epoll, process);
            }
        }
        finally
        {
            _watches.TryRemove(token, out _);
            process.DangerousRelease();
        }
    }

    [DoesNotReturn]
    private void Run()
    {
        Span<long> tokens = stackalloc long[64];
        while (true)
        {
            int count = Interop.EpollWait(_epoll, tokens);
            foreach (long token in tokens[..count])
            {
                if (_watches.TryGetValue(token, out Watch? watch))
                    watch.TrySetResult();
            }
        }
    }

    private sealed class Watch() : TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
}
