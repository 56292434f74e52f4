using System.Collections.Concurrent;
using Containerd.Images;
using Spectre.Console;

namespace Ctr;

/// <summary>Shows transfers as progress bars on a terminal, and not at all elsewhere: a script reads results, not bars.</summary>
internal static class TransferDisplay
{
    public static Task<T> ShowAsync<T>(Func<IProgress<TransferProgress>?, Task<T>> work)
    {
        if (!AnsiConsole.Profile.Out.IsTerminal)
            return work(null);
        return AnsiConsole.Progress()
            .Columns(new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn(), new DownloadedColumn(), new RemainingTimeColumn())
            .StartAsync(context => work(new Bars(context)));
    }

    private sealed class Bars(ProgressContext context) : IProgress<TransferProgress>
    {
        private readonly ConcurrentDictionary<(Containerd.Digest, bool), ProgressTask> _bars = new();

        public void Report(TransferProgress value)
        {
            if (value.Content is not { } content)
                return;
            bool extracts = value.Phase is TransferPhase.Extracting or TransferPhase.Extracted;
            ProgressTask bar = _bars.GetOrAdd((content.Digest, extracts), _ => context.AddTask("", maxValue: Math.Max(1, content.Size)));
            bar.Description = $"{content.Digest.Hex[..12]} {value.Phase.ToString().ToLowerInvariant()}";
            bar.Value = value.Phase is TransferPhase.Exists or TransferPhase.Done or TransferPhase.Extracted ? bar.MaxValue : value.Bytes;
        }
    }
}
