using Microsoft.Extensions.Logging;

namespace Containerd.Network.Tests;

/// <summary>Counts how often one event was logged.</summary>
internal sealed class EventCounter(int eventId) : ILoggerFactory, ILogger
{
    private int _count;

    public int Count => Volatile.Read(ref _count);

    public ILogger CreateLogger(string categoryName) => this;

    public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException();

    public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId id, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (id.Id == eventId)
            Interlocked.Increment(ref _count);
    }

    public void Dispose()
    {
    }
}
