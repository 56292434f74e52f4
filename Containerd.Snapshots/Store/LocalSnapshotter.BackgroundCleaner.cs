namespace Containerd.Snapshots;

public abstract partial class LocalSnapshotter
{
    /// <summary>Deletes in the background: once what others have left, then what is removed.</summary>
    private sealed class BackgroundCleaner : IDisposable
    {
        // What is removed in one go is deleted in one go.
        private static readonly TimeSpan Delay = TimeSpan.FromMilliseconds(200);

        private readonly LocalSnapshotter _snapshotter;
        private readonly CancellationTokenSource _closing = new();
        private readonly SemaphoreSlim _news = new(0, 1);
        private readonly ManualResetEventSlim _stopped = new();
        private int _isAwake;
        private bool _isDisposed;

        public BackgroundCleaner(LocalSnapshotter snapshotter)
        {
            _snapshotter = snapshotter;
            _ = Task.Run(RunAsync);
        }

        /// <summary>There is something in the trash.</summary>
        public void Wake()
        {
            if (Interlocked.Exchange(ref _isAwake, 1) == 0)
                _news.Release();
        }

        /// <summary>Stops it, and waits until it has let go of the store: at most for the deletion of one directory's files.</summary>
        public void Dispose()
        {
            if (_isDisposed)
                return;
            _isDisposed = true;
            _closing.Cancel();
            _stopped.Wait();
            _closing.Dispose();
            _news.Dispose();
            _stopped.Dispose();
        }

        private async Task RunAsync()
        {
            try
            {
                await DoAsync(() => _snapshotter.CollectAsync(null, _closing.Token)).ConfigureAwait(false);
                while (true)
                {
                    await _news.WaitAsync(_closing.Token).ConfigureAwait(false);
                    await Task.Delay(Delay, _snapshotter._timeProvider, _closing.Token).ConfigureAwait(false);
                    Volatile.Write(ref _isAwake, 0);
                    await DoAsync(() =>
                    {
                        ContainerdException? failure = _snapshotter.EmptyTrash(_closing.Token).Failure;
                        return failure is null ? Task.CompletedTask : Task.FromException(failure);
                    }).ConfigureAwait(false);
                }
            }
            catch (OperationCanceledException)
            {
                // The store is being closed.
            }
            finally
            {
                _stopped.Set();
            }
        }

        // What cannot be deleted now is tried again with the next removal, by the next to open the store, or by whoever asks for it and is told the reason.
        private async Task DoAsync(Func<Task> work)
        {
            try
            {
                await work().ConfigureAwait(false);
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                _snapshotter.LogNotCleaned(_snapshotter._root.Path, e.Message);
            }
        }
    }
}
