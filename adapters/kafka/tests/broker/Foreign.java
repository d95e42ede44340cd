import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.Future;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * What other clients do: Foreign BROKER COMMAND TOPIC ARGUMENTS, of which there are
 *
 * <pre>
 * create TOPIC NAME=VALUE…         makes a topic of one partition, with these settings
 * batch TOPIC CODEC KIND…          sends one batch of records to partition 0
 * transaction TOPIC CODEC KIND…    the same, in a transaction
 * read TOPIC                       prints the first record of partition 0
 * </pre>
 *
 * Kinds of records: plain, null-header, odd-key, bare (no key and no value), large (2 MB).
 */
public class Foreign {
    public static void main(String[] args) throws Exception {
        String broker = args[0], topic = args[2];
        List<String> rest = List.of(args).subList(3, args.length);
        switch (args[1]) {
            case "create" -> create(broker, topic, rest);
            case "batch" -> send(broker, topic, rest, false);
            case "transaction" -> send(broker, topic, rest, true);
            case "read" -> read(broker, topic);
            default -> throw new IllegalArgumentException(args[1]);
        }
    }

    static void create(String broker, String topic, List<String> settings) throws Exception {
        Map<String, String> configs = new HashMap<>();
        for (String setting : settings) {
            configs.put(setting.split("=")[0], setting.split("=")[1]);
        }
        try (Admin admin = Admin.create(of(broker))) {
            NewTopic made = new NewTopic(topic, 1, (short) 1).configs(configs);
            admin.createTopics(List.of(made)).all().get();
        }
    }

    static void send(String broker, String topic, List<String> args, boolean inTransaction)
            throws Exception {
        Properties settings = of(broker);
        settings.put("compression.type", args.get(0));
        settings.put("linger.ms", "60000");
        settings.put("batch.size", "1000000");
        settings.put("max.request.size", "4000000");
        if (inTransaction) {
            settings.put("transactional.id", topic);
        }
        var bytes = new ByteArraySerializer();
        try (var producer = new KafkaProducer<>(settings, bytes, bytes)) {
            if (inTransaction) {
                producer.initTransactions();
                producer.beginTransaction();
            }
            List<Future<?>> sent = new ArrayList<>();
            for (String kind : args.subList(1, args.size())) {
                sent.add(producer.send(record(topic, kind)));
            }
            producer.flush();
            for (Future<?> one : sent) {
                one.get();
            }
            if (inTransaction) {
                producer.commitTransaction();
            }
        }
    }

    static ProducerRecord<byte[], byte[]> record(String topic, String kind) {
        byte[] key = kind.equals("odd-key") ? new byte[] {(byte) 0xff} : utf8("key");
        byte[] value = utf8(kind.equals("large") ? "x".repeat(2_000_000) : kind);
        if (kind.equals("bare")) {
            key = null;
            value = null;
        }
        var record = new ProducerRecord<>(topic, 0, key, value);
        record.headers().add("type", utf8("user.message"));
        if (kind.equals("null-header")) {
            record.headers().add("nothing", null);
        }
        return record;
    }

    static void read(String broker, String topic) {
        var bytes = new ByteArrayDeserializer();
        try (var consumer = new KafkaConsumer<>(of(broker), bytes, bytes)) {
            var partition = new TopicPartition(topic, 0);
            consumer.assign(List.of(partition));
            consumer.seekToBeginning(List.of(partition));
            for (ConsumerRecord<byte[], byte[]> one : consumer.poll(Duration.ofSeconds(20))) {
                System.out.println(text(one.key()) + "=" + text(one.value()));
                for (Header header : one.headers()) {
                    System.out.println(header.key() + "=" + text(header.value()));
                }
                return;
            }
        }
    }

    static Properties of(String broker) {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", broker);
        return settings;
    }

    static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    static String text(byte[] bytes) {
        return new String(bytes, StandardCharsets.UTF_8);
    }
}
